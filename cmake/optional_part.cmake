# dspy_optional_part(<part> <name> <source> <library>...)
#
# A file of a part's first folder that is built where its libraries were found (<LIBRARY>_LIBRARY, <LIBRARY>_INCLUDE_DIR);
# the part's other files see it by DSPY_WITH_<name>.  Installed packages name the libraries by -l.
function(dspy_optional_part part name source)
  get_target_property(sources dspy_${part} SOURCES)
  foreach(library IN LISTS ARGN)
    if(NOT ${library}_LIBRARY OR NOT ${library}_INCLUDE_DIR)
      message(STATUS "${library} was not found: building dspy::${part} without ${source} (`./dev setup` installs it)")
      list(FILTER sources EXCLUDE REGEX "/${source}$")
      set_target_properties(dspy_${part} PROPERTIES SOURCES "${sources}")
      return()
    endif()
  endforeach()
  target_compile_definitions(dspy_${part} PRIVATE DSPY_WITH_${name})
  foreach(library IN LISTS ARGN)
    string(TOLOWER ${library} file)
    target_include_directories(dspy_${part} SYSTEM PRIVATE ${${library}_INCLUDE_DIR})
    target_link_libraries(dspy_${part} PRIVATE $<BUILD_INTERFACE:${${library}_LIBRARY}>
      $<INSTALL_INTERFACE:${file}>)
    set_property(GLOBAL APPEND_STRING PROPERTY DSPY_PC_EXTRA "-l${file} ")
  endforeach()
endfunction()
