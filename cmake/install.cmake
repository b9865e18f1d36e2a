# `cmake --install`: public headers, static libraries, a CMake package, a pkg-config file and the
# command.
include(CMakePackageConfigHelpers)

# What users link: the facade and, through it, everything below.
add_library(finack_finack INTERFACE)
set_target_properties(finack_finack PROPERTIES EXPORT_NAME finack)
target_link_libraries(finack_finack INTERFACE finack_app)

# storm is a load generator: nothing that users link reaches it.
get_property(layers GLOBAL PROPERTY FINACK_LAYERS)
list(REMOVE_ITEM layers storm)
set(installed finack_finack)
set(FINACK_PC_LIBS "")
foreach(layer IN LISTS layers)
  add_library(finack::${layer} ALIAS finack_${layer})
  list(APPEND installed finack_${layer})
  get_target_property(kind finack_${layer} TYPE)
  if(kind STREQUAL "STATIC_LIBRARY")
    # Highest layer first, as a linker wants static libraries.
    string(PREPEND FINACK_PC_LIBS " -lfinack_${layer}")
  endif()
endforeach()
add_library(finack::finack ALIAS finack_finack)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/finack)
install(TARGETS ${installed} EXPORT finackTargets)
if(FINACK_LTO AND CMAKE_OBJCOPY)
  # The form that is optimised across files binds a library to one version of g++.
  install(CODE "
    file(GLOB libraries
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libfinack_*.a\")
    foreach(library IN LISTS libraries)
      execute_process(COMMAND ${CMAKE_OBJCOPY} -R .gnu.lto_* -R .gnu.debuglto_* \${library}
        COMMAND_ERROR_IS_FATAL ANY)
    endforeach()")
endif()
install(EXPORT finackTargets NAMESPACE finack:: DESTINATION ${package_dir})
install(DIRECTORY include/finack DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN storm EXCLUDE)
if(TARGET finack)
  install(TARGETS finack)
endif()

configure_package_config_file(cmake/finackConfig.cmake.in ${CMAKE_BINARY_DIR}/finackConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 a new minor version may break what users wrote.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/finackConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/finackConfig.cmake ${CMAKE_BINARY_DIR}/finackConfigVersion.cmake
  DESTINATION ${package_dir})

# The way from the .pc file up to the prefix, so that the installed tree can be moved.
file(RELATIVE_PATH FINACK_PC_UP /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
string(REGEX REPLACE "/$" "" FINACK_PC_UP ${FINACK_PC_UP})
configure_file(cmake/finack.pc.in ${CMAKE_BINARY_DIR}/finack.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/finack.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
