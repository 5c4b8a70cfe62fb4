# cmake -D build= -D dspy= -D compiler= ... -P new_project.cmake: `dspy new`, then its project built and tested.
set(work ${build}/consumer/new_project)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output WORKING_DIRECTORY ${work})
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "the new project failed at `${command}`:\n${output}")
  endif()
endfunction()

step(${CMAKE_COMMAND} --install ${build} --prefix ${work}/prefix)
step(${dspy} new my-shop -s "ticket -> category: Literal['billing', 'bug'], urgent: bool, reason" -i "Sort the ticket.")
step(${CMAKE_COMMAND} -G Ninja -S ${work}/my-shop -B ${work}/my-shop/build -DCMAKE_PREFIX_PATH=${work}/prefix
  -DCMAKE_CXX_COMPILER=${compiler} -DCMAKE_CXX_COMPILER_LAUNCHER=${launcher} -DCMAKE_CXX_FLAGS=${flags})
step(${CMAKE_COMMAND} --build ${work}/my-shop/build)
step(${CMAKE_CTEST_COMMAND} --test-dir ${work}/my-shop/build --output-on-failure)
