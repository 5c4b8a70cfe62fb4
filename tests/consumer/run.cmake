# cmake -D how=find_package|add_subdirectory -D build= -D source= -D compiler= ... -P run.cmake
set(work ${build}/consumer/${how})
file(REMOVE_RECURSE ${work})

function(step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "the consumer project failed at `${command}`:\n${output}")
  endif()
endfunction()

if(how STREQUAL "find_package")
  step(${CMAKE_COMMAND} --install ${build} --prefix ${work}/prefix)
  set(where -DCMAKE_PREFIX_PATH=${work}/prefix)
else()
  set(where -DDSPY_DIR=${source})
endif()
step(${CMAKE_COMMAND} -G Ninja -S ${source}/tests/consumer/project -B ${work}/build ${where}
  -DCMAKE_CXX_COMPILER=${compiler} -DCMAKE_CXX_COMPILER_LAUNCHER=${launcher} -DCMAKE_BUILD_TYPE=${build_type}
  -DCMAKE_CXX_FLAGS=${flags})
step(${CMAKE_COMMAND} --build ${work}/build)
step(${work}/build/consumer)
