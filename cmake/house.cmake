# The house checks: layers, tidy, format, lint, the tests of these checkers, and an installed copy.
# They look at the sources, not at what was built, so the sanitizer builds leave them out.
if(FINACK_SANITIZE)
  return()
endif()

finack_script_tests(house house)
foreach(check check_layers check_tidy check_format)
  finack_add_test(${check} LABELS house TIMEOUT 120
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/${check}.py)
endforeach()
finack_add_test(lint LABELS lint TIMEOUT 900
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/lint.py)

if(EXISTS ${CMAKE_SOURCE_DIR}/include/finack/app/engine.h)
  finack_add_test(install_consumer LABELS house TIMEOUT 300
    COMMAND bash ${CMAKE_SOURCE_DIR}/tests/house/install_consumer.sh
      ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${CMAKE_CXX_COMPILER})
endif()
