.PHONY: run test demo check bench

run:
	@scripts/run.sh

test:
	@scripts/test.sh

demo:
	@scripts/demo.sh

check:
	@scripts/check.sh

bench:
	@bench/per_call
