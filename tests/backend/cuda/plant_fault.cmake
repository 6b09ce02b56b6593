# fasweep_plant_fault(<name> <text> <replacement> [<canary>]): a canary program whose kernels have `text` replaced, and the
# test that it is caught. The kernels are those in ${kernels}.
set(sample_space_kernels backend/cuda/sample_space_kernels.hpp)
set(weight_space_kernels backend/cuda/weight_space_kernels.hpp)
set(halves_kernels backend/cuda/halves_kernels.hpp)
set(resident_kernels backend/cuda/resident_kernels.hpp)
foreach(kernels ${sample_space_kernels} ${weight_space_kernels} ${halves_kernels} ${resident_kernels})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${kernels})
endforeach()

# What looks for a fault is compiled once, the kernels once a fault.
foreach(canary kernel_canary selftest_canary resident_canary network_canary)
  add_library(${canary} OBJECT EXCLUDE_FROM_ALL ${canary}.cpp)
  target_include_directories(${canary} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${canary} PUBLIC fasweep_backend_cuda_host fasweep_backend_cpu fasweep_reference)
endforeach()

function(fasweep_add_canary name canary)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/faulty/${name})
  add_executable(canary_${name} ${PROJECT_SOURCE_DIR}/tests/support/device_emulated.cpp)
  target_include_directories(canary_${name} BEFORE PRIVATE ${folder} ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(canary_${name} PRIVATE -ffp-contract=off -O1)  # compiles in a third of the time of -O3
  target_link_libraries(canary_${name} PRIVATE ${canary})
  add_test(NAME backend/cuda/canary:${name} COMMAND canary_${name})
  set_tests_properties(backend/cuda/canary:${name} PROPERTIES LABELS canary)
endfunction()

function(fasweep_plant_fault name text replacement)
  set(canary ${ARGN})
  if(NOT canary)
    set(canary kernel_canary)
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
