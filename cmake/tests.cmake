# Unit tests mirror source paths: tests/<layer>/<name>_test.cpp, one executable a layer.
# End-to-end tests use real sockets and the built command: tests/e2e. Everything is taken up by its
# place; labels choose what runs: unit, e2e, house, docs, lint, sanitizer.
find_package(GTest REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(test_environment
  "FINACK_SOURCE_DIR=${CMAKE_SOURCE_DIR}"
  "FINACK_BINARY_DIR=${CMAKE_BINARY_DIR}"
  "PYTHONDONTWRITEBYTECODE=1")
if(TARGET finack)
  list(APPEND test_environment "FINACK=$<TARGET_FILE:finack>")
endif()
set(test_launcher "")
set(test_labels "")
if(FINACK_SANITIZE)
  set(test_labels sanitizer)
  list(APPEND test_environment
    "FINACK_SANITIZE=${FINACK_SANITIZE}"
    "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:history_size=4")
endif()
if(FINACK_SANITIZE MATCHES "thread")
  # g++ 12's ThreadSanitizer cannot live with the address layout of newer kernels.
  find_program(SETARCH_PROGRAM setarch)
  execute_process(COMMAND ${SETARCH_PROGRAM} -R true RESULT_VARIABLE setarch_refused ERROR_QUIET)
  if(setarch_refused)
    message(WARNING "setarch -R does not work here: ThreadSanitizer may refuse to start")
  else()
    set(test_launcher ${SETARCH_PROGRAM} -R)
  endif()
endif()

# finack_add_test(<name> LABELS <labels>... TIMEOUT <seconds> COMMAND <command>...)
function(finack_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABELS;COMMAND" ${ARGN})
  list(POP_FRONT ARG_COMMAND program)
  if(TARGET ${program})
    # Behind a launcher CMake would not see that this is a target.
    set(program $<TARGET_FILE:${program}>)
  endif()
  add_test(NAME ${name} COMMAND ${test_launcher} ${program} ${ARG_COMMAND})
  set_tests_properties(${name} PROPERTIES
    LABELS "${ARG_LABELS};${test_labels}" TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${test_environment}"
    SKIP_RETURN_CODE 77)
endfunction()

# finack_test_executable(<target> SOURCES <files>... LINK <targets>...)
function(finack_test_executable target)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ${ARG_LINK} finack_test_support finack_compiler
    finack_test_code GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  finack_pch(${target} tests HEADERS ${FINACK_STD_HEADERS} <gmock/gmock.h> <gtest/gtest.h>
    LINK fmt::fmt finack_test_code GTest::gtest GTest::gmock)
endfunction()

file(GLOB support_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/support/*.cpp)
if(support_sources)
  add_library(finack_test_support STATIC ${support_sources})
  target_include_directories(finack_test_support PUBLIC ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(finack_test_support
    PUBLIC finack_net finack_server GTest::gtest PRIVATE finack_compiler finack_test_code)
else()
  add_library(finack_test_support INTERFACE)
  target_include_directories(finack_test_support INTERFACE ${CMAKE_SOURCE_DIR}/tests)
endif()

function(finack_layer_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  file(GLOB rigs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*_rig.cpp)
  finack_test_executable(finack_${name}_tests SOURCES ${sources} ${rigs} LINK finack_${name})
  finack_add_test(${name} LABELS unit TIMEOUT 300 COMMAND finack_${name}_tests)
endfunction()

get_property(tested_layers GLOBAL PROPERTY FINACK_LAYERS)
foreach(layer IN LISTS tested_layers)
  finack_layer_tests(${layer})
endforeach()
include(llhttp)

# The layers together, as a program of its own: no request may allocate.
file(GLOB alloc_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/alloc/*_test.cpp)
if(alloc_tests)
  finack_test_executable(finack_alloc_tests
    SOURCES ${alloc_tests} ${CMAKE_SOURCE_DIR}/tests/gateway/gateway_rig.cpp
    LINK finack_gateway finack_client finack_server finack_route)
  finack_add_test(alloc LABELS unit TIMEOUT 300 COMMAND finack_alloc_tests)
endif()

# What a keep-alive request may cost; of optimised code, and where callgrind sees the code itself.
if(TARGET finack AND CMAKE_BUILD_TYPE MATCHES "Rel" AND NOT FINACK_SANITIZE)
  finack_add_test(instructions LABELS unit TIMEOUT 120 COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_SOURCE_DIR}/bench/instructions_gate.py ${CMAKE_BINARY_DIR})
  finack_add_test(gateway_instructions LABELS unit TIMEOUT 120 COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_SOURCE_DIR}/bench/instructions_gate.py ${CMAKE_BINARY_DIR} gateway)
  # What wakes by the clock counts too, and more of it on a busy machine.
  set_tests_properties(instructions gateway_instructions PROPERTIES RUN_SERIAL TRUE)
endif()

# The command's sources are no library: its tests compile them again, all but main.cpp.
file(GLOB cli_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/cli/*_test.cpp)
if(cli_tests)
  set(cli_sources ${command_sources})
  list(FILTER cli_sources EXCLUDE REGEX "/main\\.cpp$")
  finack_test_executable(finack_cli_tests SOURCES ${cli_tests} ${cli_sources}
    LINK finack_app finack_admin finack_config finack_gateway finack_sinks)
  target_compile_definitions(finack_cli_tests PRIVATE FINACK_VERSION="${PROJECT_VERSION}")
  finack_add_test(cli LABELS unit TIMEOUT 300 COMMAND finack_cli_tests)
endif()

# tests/e2e has a list of its own: peers that run the built command, and the endings matrices of
# accepted and of dialed connections. A matrix repeats each case $FINACK_REPEAT times; when that is
# not set, the first three times and the second once.
if(TARGET finack AND EXISTS ${CMAKE_SOURCE_DIR}/tests/e2e/CMakeLists.txt)
  add_subdirectory(${CMAKE_SOURCE_DIR}/tests/e2e ${CMAKE_BINARY_DIR}/tests/e2e)
endif()
if(TARGET finack_matrix)
  finack_add_test(matrix LABELS e2e TIMEOUT 1800 COMMAND bash -c
    "exec \"$0\" --server \"$FINACK\" --backend both --repeat \"\${FINACK_REPEAT:-3}\""
    $<TARGET_FILE:finack_matrix>)
  set_tests_properties(matrix PROPERTIES RUN_SERIAL TRUE)
endif()
if(TARGET finack_gateway_matrix)
  finack_add_test(gateway_matrix LABELS e2e TIMEOUT 1800 COMMAND bash -c
    "exec \"$0\" --server \"$FINACK\" --backend both --repeat \"\${FINACK_REPEAT:-1}\""
    $<TARGET_FILE:finack_gateway_matrix>)
  set_tests_properties(gateway_matrix PROPERTIES RUN_SERIAL TRUE)
endif()
file(GLOB e2e_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/e2e/*_test.cpp)
if(e2e_sources AND TARGET finack)
  set(e2e_link finack_app finack_storm)
  if(TARGET finack_e2e_support)
    list(APPEND e2e_link finack_e2e_support finack_gateway_scripts)
  endif()
  finack_test_executable(finack_e2e_tests SOURCES ${e2e_sources} LINK ${e2e_link})
  add_dependencies(finack_e2e_tests finack)
  finack_add_test(e2e LABELS e2e TIMEOUT 1200 COMMAND finack_e2e_tests)
  set_tests_properties(e2e PROPERTIES RUN_SERIAL TRUE)
endif()

# finack_script_tests(<folder> <label>): tests/<folder>/*_test.py and *_test.sh run as they are.
function(finack_script_tests folder label)
  file(GLOB scripts CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.py ${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.sh)
  foreach(script IN LISTS scripts)
    get_filename_component(name ${script} NAME_WE)
    string(REGEX REPLACE "_test$" "" name ${name})
    set(interpreter ${Python3_EXECUTABLE})
    if(script MATCHES "\\.sh$")
      set(interpreter bash)
    endif()
    finack_add_test(${folder}_${name} LABELS ${label} TIMEOUT 900 COMMAND ${interpreter} ${script})
    if(label STREQUAL "e2e")
      set_tests_properties(${folder}_${name} PROPERTIES RUN_SERIAL TRUE)
    endif()
  endforeach()
endfunction()

if(TARGET finack)
  finack_script_tests(e2e e2e)
  finack_script_tests(docs docs)
endif()
