# The kernels of the engine: dspy_kernels, which knows neither dspy nor any library.  src/llama/kernels/target.cpp is
# compiled once for each kind of processor, with its name; which one runs is chosen when the program does.
file(GLOB kernel_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/llama/kernels/*.cpp)
list(FILTER kernel_sources EXCLUDE REGEX "/target\\.cpp$")
add_library(dspy_kernels STATIC ${kernel_sources})

set(kernel_targets)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(kernel_targets
    "avx512_vnni -march=x86-64-v4 -mavx512vnni"
    "avx512 -march=x86-64-v4"
    "avx2_vnni -march=x86-64-v3 -mavxvnni"
    "avx2 -march=x86-64-v3")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(kernel_targets
    "neon_i8mm -march=armv8.2-a+dotprod+i8mm"
    "neon_dotprod -march=armv8.2-a+dotprod")
endif()
foreach(line IN LISTS kernel_targets)
  separate_arguments(options UNIX_COMMAND "${line}")
  list(POP_FRONT options name)
  add_library(dspy_kernels_${name} OBJECT ${PROJECT_SOURCE_DIR}/src/llama/kernels/target.cpp)
  target_compile_definitions(dspy_kernels_${name} PRIVATE DSPY_TARGET=${name})
  target_compile_options(dspy_kernels_${name} PRIVATE ${options})
  target_sources(dspy_kernels PRIVATE $<TARGET_OBJECTS:dspy_kernels_${name}>)
  list(APPEND kernel_libraries dspy_kernels_${name})
endforeach()

foreach(library IN ITEMS dspy_kernels ${kernel_libraries})
  target_include_directories(${library} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${library} PRIVATE dspy_warnings)
  target_compile_features(${library} PUBLIC cxx_std_23)
  set_target_properties(${library} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    UNITY_BUILD OFF
    POSITION_INDEPENDENT_CODE ON)
endforeach()
