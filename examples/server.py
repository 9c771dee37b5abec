"""A call center in three lines: the settings are those of the current directory and the environment."""

# fmt: off
from gevent import monkey; monkey.patch_all()
from callengine.app import CallCenter
CallCenter.from_settings().run()
