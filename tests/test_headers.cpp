// Nothing but what CMake needs to parse the headers of the tests once.
