# What `cmake --install` lays down: headers, libraries, and a package for find_package(millrace).
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/millrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp")
install(EXPORT millraceTargets NAMESPACE millrace:: DESTINATION ${package_dir})

configure_package_config_file(cmake/millraceConfig.cmake.in millraceConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(millraceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/millraceConfig.cmake
  ${PROJECT_BINARY_DIR}/millraceConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/millraceApplication.cmake
  DESTINATION ${package_dir})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Everything that is installed, and nothing else.
get_property(rooms GLOBAL PROPERTY MILLRACE_ROOMS)
add_custom_target(millrace_libraries DEPENDS ${rooms})
