"""The exceptions of Py4J, so that programs which catch them run. There is no JVM behind it."""
