"""Trying the rules out without a daemon: histories in virtual time, the tests that authors write, and one alert's way."""
