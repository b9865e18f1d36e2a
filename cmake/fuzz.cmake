# tests/fuzz/<name>_fuzz.cpp is a libFuzzer target; its kept corpus is tests/fuzz/corpus/<name>/.
# As a ctest each runs for FINACK_FUZZ_SECONDS; what it finds new stays in the build folder.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "fuzzers need clang: cmake --preset fuzz")
endif()
set(FINACK_FUZZ_SECONDS 20 CACHE STRING "Seconds a fuzzer runs as a test")
include(llhttp)

file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cpp)
# The build preset makes these and the layers they reach, not all that is instrumented for them.
add_custom_target(fuzzers)
foreach(source IN LISTS fuzz_sources)
  get_filename_component(target ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" name ${target})
  add_executable(finack_${target} ${source})
  add_dependencies(fuzzers finack_${target})
  target_include_directories(finack_${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(finack_${target} PRIVATE
    finack_http finack_route finack_config finack_gateway
    finack_compiler)
  if(TARGET finack_llhttp)
    target_link_libraries(finack_${target} PRIVATE finack_llhttp)
  endif()
  target_compile_options(finack_${target} PRIVATE -fsanitize=fuzzer)
  target_link_options(finack_${target} PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz_${name} COMMAND bash ${CMAKE_SOURCE_DIR}/tools/run_fuzzer.sh
    $<TARGET_FILE:finack_${target}> ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}
    ${CMAKE_BINARY_DIR}/corpus/${name} ${FINACK_FUZZ_SECONDS})
  set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 1200)
endforeach()
