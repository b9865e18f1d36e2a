# Warnings, sanitizers, compiler cache, precompiled headers and linker: one place, every target.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # What ccache asks for before it caches uses of a precompiled header.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

add_library(finack_compiler INTERFACE)
target_compile_options(finack_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-omit-frame-pointer)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  target_compile_options(finack_compiler INTERFACE -mssse3)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A precompiled header is only found again when nothing the preprocessor saw has changed.
  target_compile_options(finack_compiler INTERFACE -fpch-preprocess)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12 uses in std::stable_sort what it declares deprecated.
  target_compile_options(finack_compiler INTERFACE -Wno-error=deprecated-declarations)
endif()
if(FINACK_SANITIZE)
  target_compile_options(finack_compiler INTERFACE
    -fsanitize=${FINACK_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(finack_compiler INTERFACE -fsanitize=${FINACK_SANITIZE})
  # g++ 12 reports maybe-uninitialized and the like falsely under sanitizers.
  target_compile_options(finack_compiler INTERFACE -Wno-error)
endif()
if(FINACK_FUZZ)
  target_compile_options(finack_compiler INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  target_link_options(finack_compiler INTERFACE -fuse-ld=mold)
endif()

# Optimising across files saves a request a sixth of its instructions and costs 20 s of linking, so
# the command alone is linked that way. The libraries carry both forms: what else links them, tests
# above all, takes the usual one.
add_library(finack_lto INTERFACE)
if(FINACK_LTO AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT FINACK_SANITIZE)
  target_compile_options(finack_lto INTERFACE -flto=auto -ffat-lto-objects)
  target_link_options(finack_compiler INTERFACE
    $<IF:$<BOOL:$<TARGET_PROPERTY:FINACK_LINK_LTO>>,-flto=auto,-fno-lto>)
endif()

# What a test's own objects are compiled with: most of the build's time went into optimising code
# that runs once. What is tested is compiled by the preset.
add_library(finack_test_code INTERFACE)
if(NOT FINACK_SANITIZE MATCHES "thread")
  # Under ThreadSanitizer it saves no more than a tenth.
  target_compile_options(finack_test_code INTERFACE -O0)
endif()
# finack_pch(<target> <group> HEADERS <headers>...)
# The targets of one group share one precompiled header; their compile options must be the same.
function(finack_pch target group)
  cmake_parse_arguments(ARG "" "" "HEADERS;LINK" ${ARGN})
  if(NOT FINACK_PCH)
    return()
  endif()
  set(owner finack_${group}_pch)
  if(NOT TARGET ${owner})
    set(source ${CMAKE_BINARY_DIR}/${owner}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "// Carries a precompiled header.\n" @ONLY)
    add_library(${owner} OBJECT ${source})
    target_link_libraries(${owner} PRIVATE finack_compiler ${ARG_LINK})
    target_precompile_headers(${owner} PRIVATE ${ARG_HEADERS})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()
