# Files that may be compiled together are: most of a file's time goes into the headers that its neighbours include too.
# tools/unity_groups.py chooses, so that no name means another thing in company than alone; it runs again when a source
# changes.  The presets that build everything ask for this; a package of ours, or a project that adds ours to its own,
# has each file in an object of its own.
option(DSPY_UNITY "Compile files of a target together where they do not disturb each other" OFF)

# dspy_unity() - after all targets were added; one whose property UNITY_BUILD is OFF stays as it is.
function(dspy_unity)
  find_package(Python3 COMPONENTS Interpreter)
  if(NOT DSPY_UNITY OR NOT Python3_FOUND)
    return()
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # It takes a file that is compiled in company for a header.
    target_compile_options(dspy_warnings INTERFACE -Wno-subobject-linkage)
    # Collecting garbage is a tenth of its time; half a gigabyte before it starts costs 50 MB a process.
    target_compile_options(dspy_warnings INTERFACE "SHELL:--param ggc-min-expand=100 --param ggc-min-heapsize=524288")
  endif()
  dspy_list_sources(${PROJECT_SOURCE_DIR})
  get_property(lines GLOBAL PROPERTY dspy_unity_lines)
  get_property(files GLOBAL PROPERTY dspy_unity_files)
  list(JOIN lines "\n" text)
  set(listed ${PROJECT_BINARY_DIR}/unity-sources.txt)
  set(groups ${PROJECT_BINARY_DIR}/unity-groups.cmake)
  file(CONFIGURE OUTPUT ${listed} CONTENT "${text}\n" @ONLY)
  set(command ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/unity_groups.py ${listed} ${groups})
  execute_process(COMMAND ${command} COMMAND_ERROR_IS_FATAL ANY)
  include(${groups})
  # Ninja looks at what the build's own description depends on before all else, and makes that first.
  add_custom_command(OUTPUT ${groups} COMMAND ${command} DEPENDS ${listed} ${files} ${PROJECT_SOURCE_DIR}/tools/unity_groups.py
    COMMENT "Which files are compiled together")
  add_custom_target(unity_groups DEPENDS ${groups})
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${groups})
endfunction()

# A line `target<TAB>file` for each C++ source of each target in this folder and those under it.
function(dspy_list_sources folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(NOT type MATCHES "^(STATIC_LIBRARY|SHARED_LIBRARY|MODULE_LIBRARY|OBJECT_LIBRARY|EXECUTABLE)$")
      continue()
    endif()
    get_target_property(sources ${target} SOURCES)
    get_target_property(base ${target} SOURCE_DIR)
    list(FILTER sources INCLUDE REGEX "\\.cpp$")
    list(LENGTH sources count)
    get_target_property(wanted ${target} UNITY_BUILD)
    if(count LESS 2 OR wanted STREQUAL "OFF")
      continue()
    endif()
    foreach(source IN LISTS sources)
      cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${base} NORMALIZE)
      set_property(GLOBAL APPEND PROPERTY dspy_unity_files ${source})
      set_property(GLOBAL APPEND PROPERTY dspy_unity_lines "${target}\t${source}")
    endforeach()
  endforeach()
  get_property(children DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(child IN LISTS children)
    dspy_list_sources(${child})
  endforeach()
endfunction()
