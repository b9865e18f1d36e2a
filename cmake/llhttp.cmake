# llhttp as the oracle of the request parser's differential test: C sources from Debian's
# node-llhttp, built in strict mode. Include after the tests.
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH)
find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
if(TARGET finack_llhttp OR NOT TARGET finack_http_tests)
  return()
endif()
if(NOT LLHTTP_INCLUDE_DIR OR NOT LLHTTP_SOURCE_DIR)
  message(WARNING "node-llhttp is not installed: the parser's differential test is SKIPPED")
  return()
endif()
enable_language(C)
add_library(finack_llhttp STATIC
  ${LLHTTP_SOURCE_DIR}/api.c ${LLHTTP_SOURCE_DIR}/http.c ${LLHTTP_SOURCE_DIR}/llhttp.c)
target_include_directories(finack_llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE_DIR})
target_compile_definitions(finack_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
target_compile_options(finack_llhttp PRIVATE -w -O1)
target_link_libraries(finack_http_tests PRIVATE finack_llhttp)
target_compile_definitions(finack_http_tests PRIVATE FINACK_HAVE_LLHTTP=1)
