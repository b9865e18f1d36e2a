# finack_layer(<name> LINK <targets>...)
# A layer is a folder under src/ (and include/finack/ for what users install), one static library.
set(FINACK_STD_HEADERS
  <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <cstring> <expected> <functional>
  <map> <memory> <optional> <span> <string> <string_view> <thread> <unordered_map> <utility>
  <variant> <vector> <fmt/format.h>)

function(finack_layer name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  set_property(GLOBAL APPEND PROPERTY FINACK_LAYERS ${name})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  if(sources)
    add_library(finack_${name} STATIC ${sources})
    target_link_libraries(finack_${name} PRIVATE
      $<BUILD_INTERFACE:finack_compiler> $<BUILD_INTERFACE:finack_lto>)
    finack_pch(finack_${name} layers HEADERS ${FINACK_STD_HEADERS} LINK fmt::fmt finack_lto)
    set(scope PUBLIC)
  else()
    add_library(finack_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  set_target_properties(finack_${name} PROPERTIES EXPORT_NAME ${name})
  target_link_libraries(finack_${name} ${scope} ${ARG_LINK})
  target_compile_features(finack_${name} ${scope} cxx_std_23)
  target_include_directories(finack_${name} ${scope}
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/src>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()
