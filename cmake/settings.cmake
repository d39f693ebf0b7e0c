# How everything of ours is compiled. What only the developer's own build wants (ccache, mold, a
# common bin/) is set when millrace is the top-level project, never in a project that includes it.

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
  endif()
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

  find_program(MILLRACE_CCACHE ccache)
  if(MILLRACE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${MILLRACE_CCACHE})
  endif()
  find_program(MILLRACE_MOLD mold)
  if(MILLRACE_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

function(millrace_compile_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  # Clang counts -Wsign-conversion to -Wconversion, GCC does not.
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    $<$<BOOL:${MILLRACE_WARNINGS_AS_ERRORS}>:-Werror>)
endfunction()

# As everything of ours, but optimised as MILLRACE_TEST_OPTIMISATION says: tests are most of what is
# compiled and run but once, so that what makes them fast costs more time than it saves.
function(millrace_test_settings target)
  millrace_compile_settings(${target})
  target_compile_options(${target} PRIVATE ${MILLRACE_TEST_OPTIMISATION})
endfunction()
