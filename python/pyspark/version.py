__version__ = "3.5.0"  # of the API, not of the engine
