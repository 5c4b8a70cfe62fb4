vcpkg_download_distfile(ARCHIVE
  URLS "RELEASE_URL"
  FILENAME "dspy-cpp-${VERSION}.tar.gz"
  SHA512 RELEASE_SHA512
)
vcpkg_extract_source_archive(SOURCE_PATH ARCHIVE "${ARCHIVE}")

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS FEATURES tools DSPY_BUILD_APPS)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DDSPY_FETCH=OFF
    -DDSPY_LLAMA=OFF
    -DDSPY_BUILD_TESTS=OFF
    -DDSPY_BUILD_EXAMPLES=OFF
    -DDSPY_BUILD_BENCHMARKS=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME dspy CONFIG_PATH lib/cmake/dspy)
vcpkg_fixup_pkgconfig()
if("tools" IN_LIST FEATURES)
  vcpkg_copy_tools(TOOL_NAMES dspy AUTO_CLEAN)
endif()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
