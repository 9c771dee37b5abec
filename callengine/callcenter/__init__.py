"""The product: a call center told one noun or one story a file."""
