# The finack command: the command table in main.cpp and one cmd_<name>.cpp each.
file(GLOB command_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/cli/*.cpp)
if(command_sources)
  add_executable(finack ${command_sources})
  target_link_libraries(finack PRIVATE
    finack_app finack_admin finack_config finack_gateway finack_sinks finack_compiler finack_lto)
  finack_pch(finack layers)
  set_target_properties(finack PROPERTIES FINACK_LINK_LTO ON)
endif()
