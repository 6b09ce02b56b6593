# fasweep_plant_fault(<name> <text> <replacement> [<canary>.cpp]): a canary program whose kernels have `text` replaced, and
# the test that it is caught.
set(kernels backend/cuda/sample_space_kernels.hpp)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${kernels})

function(fasweep_add_canary name canary)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/faulty/${name})
  add_executable(canary_${name} ${canary} ${PROJECT_SOURCE_DIR}/tests/support/device_emulated.cpp)
  target_include_directories(canary_${name} BEFORE PRIVATE ${folder} ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(canary_${name} PRIVATE -ffp-contract=off)
  target_link_libraries(canary_${name} PRIVATE fasweep_backend_cuda_host)
  add_test(NAME backend/cuda/canary:${name} COMMAND canary_${name})
endfunction()

function(fasweep_plant_fault name text replacement)
  set(canary ${ARGN})
  if(NOT canary)
    set(canary kernel_canary.cpp)
  endif()
  file(READ ${PROJECT_SOURCE_DIR}/src/${kernels} source)
  string(REPLACE "${text}" "${replacement}" faulty "${source}")
  if(faulty STREQUAL source)
    message(FATAL_ERROR "the fault '${name}' cannot be planted (its text is not in ${kernels}); adapt plant_fault's call")
  endif()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/faulty/${name}/${kernels} CONTENT "${faulty}" @ONLY)
  fasweep_add_canary(${name} ${canary})
  set_tests_properties(backend/cuda/canary:${name} PROPERTIES PASS_REGULAR_EXPRESSION
                       "caught: |emulation: |ERROR: AddressSanitizer|WARNING: ThreadSanitizer")
endfunction()
