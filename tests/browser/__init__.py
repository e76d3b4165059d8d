"""The pages in a real browser, by keyboard alone: `make browser`, with Debian's chromium."""
