# millrace_room(<name> [DEPENDS <room>...] [PUBLIC <library>...] [PRIVATE <library>...])
#
# A room is the static library millrace_<name>, exported as millrace::<name>: every *.cpp in and
# below the current directory. Every *.test.cpp there goes into the executable <name>_tests.
# DEPENDS names rooms below this one; PUBLIC and PRIVATE name libraries that are not ours.
# A room without sources, or without tests, is fine.
function(millrace_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;PUBLIC;PRIVATE")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "millrace_room(${name}): unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "\\.test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "\\.test\\.cpp$")
  if(NOT sources)
    file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp CONTENT "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp)
  endif()

  set(target millrace_${name})
  add_library(${target} STATIC ${sources})
  add_library(millrace::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${millrace_SOURCE_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${millrace_SOURCE_DIR}/src)
  list(TRANSFORM arg_DEPENDS PREPEND millrace_)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  millrace_compile_settings(${target})
  install(TARGETS ${target} EXPORT millraceTargets)
  set_property(GLOBAL APPEND PROPERTY MILLRACE_ROOMS ${target})

  if(millrace_tests)
    millrace_gtest(${name}_tests SOURCES ${tests} LINK ${target} ${arg_PRIVATE})
  endif()
endfunction()

# millrace_gtest(<executable> SOURCES <file>... LINK <target>...)
#
# One ctest a TEST. A suite whose name ends in Threads gets the label `threads` (it runs under the
# thread sanitizer too); one whose name ends in Heavy the label `heavy` (not run under sanitizers).
function(millrace_gtest name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  if(MILLRACE_ONLY_SUITES)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${arg_SOURCES})
    set(sources)
    foreach(source IN LISTS arg_SOURCES)
      file(STRINGS ${source} found REGEX "[A-Za-z0-9_]${MILLRACE_ONLY_SUITES}[,)]" LIMIT_COUNT 1)
      if(found)
        list(APPEND sources ${source})
      endif()
    endforeach()
    set(arg_SOURCES ${sources})
  endif()
  if(NOT arg_SOURCES)
    return()
  endif()

  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${millrace_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest_main)
  millrace_test_settings(${name})

  # In a filter, `*Threads/*` is a typed suite: its name gets a number.
  set(threads "*Threads.*:*Threads/*")
  set(heavy "*Heavy.*:*Heavy/*")
  include(GoogleTest)
  gtest_discover_tests(${name} TEST_FILTER "-${threads}:${heavy}" TEST_LIST ${name}_list
    DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  gtest_discover_tests(${name} TEST_FILTER "${threads}" TEST_LIST ${name}_threads_list
    DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300 LABELS threads)
  gtest_discover_tests(${name} TEST_FILTER "${heavy}" TEST_LIST ${name}_heavy_list
    DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 600 LABELS heavy)
endfunction()
