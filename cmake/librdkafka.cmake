# librdkafka: the installed one, or one that is built from its sources.
set(MILLRACE_RDKAFKA_SOURCE "" CACHE PATH
    "A source tree of librdkafka (2.0 or later) to build, instead of the installed one")

set(MILLRACE_RDKAFKA_DEPENDENCY "")
if(MILLRACE_RDKAFKA_SOURCE)
  set(RDKAFKA_BUILD_EXAMPLES OFF CACHE BOOL "" FORCE)
  set(RDKAFKA_BUILD_TESTS OFF CACHE BOOL "" FORCE)
  add_subdirectory(${MILLRACE_RDKAFKA_SOURCE} ${PROJECT_BINARY_DIR}/librdkafka)
  # In its tree the headers lie in src/, while programs include <librdkafka/rdkafka.h>.
  set(headers ${PROJECT_BINARY_DIR}/librdkafka-headers)
  file(MAKE_DIRECTORY ${headers})
  file(CREATE_LINK ${MILLRACE_RDKAFKA_SOURCE}/src ${headers}/librdkafka SYMBOLIC)
  target_include_directories(rdkafka SYSTEM INTERFACE $<BUILD_INTERFACE:${headers}>)
  set(MILLRACE_rdkafka rdkafka)
  set(RDKAFKA_INCLUDE_DIR ${headers})
  set(MILLRACE_RDKAFKA_DEPENDENCY "find_dependency(RdKafka)")
else()
  find_library(MILLRACE_rdkafka rdkafka)
  find_path(RDKAFKA_INCLUDE_DIR librdkafka/rdkafka.h)
endif()
