# `cmake --install`: libraries, public headers, the plug-in, the command line, a CMake package and a pkg-config file.
# `dspy_boost_headers` exists where Boost was downloaded; a package cannot name libraries that are not installed.
if(TARGET dspy_boost_headers)
  message(STATUS "Boost was downloaded for this build, so nothing can be installed: install Boost 1.84 or newer first")
  return()
endif()

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dspy)

install(TARGETS dspy ${DSPY_PARTS} EXPORT dspy-targets FILE_SET HEADERS)
install(EXPORT dspy-targets NAMESPACE dspy:: DESTINATION ${package_dir})
if(TARGET dspy-llama-plugin)
  install(TARGETS dspy-llama-plugin LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/dspy)
endif()
if(TARGET dspy_app)
  install(TARGETS dspy_app)
  install(FILES models/dspy-tiny.gguf DESTINATION ${CMAKE_INSTALL_DATADIR}/dspy/models)  # `dspy ask` works at once
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(cmake/dspy-config.cmake.in dspy-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(dspy-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dspy-config.cmake ${PROJECT_BINARY_DIR}/dspy-config-version.cmake
  DESTINATION ${package_dir})

# Static libraries are named user first.
set(DSPY_PC_LIBS "")
foreach(part IN LISTS DSPY_PARTS)
  string(PREPEND DSPY_PC_LIBS "-l${part} ")
endforeach()
set(DSPY_PC_CURL "")
if(CURL_FOUND)
  set(DSPY_PC_CURL "-lcurl -lssl -lcrypto ")
endif()
get_property(DSPY_PC_EXTRA GLOBAL PROPERTY DSPY_PC_EXTRA)  # of optional parts
if(SECCOMP_LIBRARY)
  string(APPEND DSPY_PC_CURL "-lseccomp ")
endif()
configure_file(cmake/dspy.pc.in dspy.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/dspy.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
