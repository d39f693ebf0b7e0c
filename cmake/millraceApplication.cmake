# millrace_add_application(<name> <source>...)
#
# A program that uses millrace: an executable linked to millrace::millrace.
function(millrace_add_application name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE millrace::millrace)
endfunction()
