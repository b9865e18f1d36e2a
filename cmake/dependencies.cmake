# Every library comes from a Debian package named in packages.txt. cmake/finackConfig.cmake.in and
# cmake/finack.pc.in ask for the same ones.
include(GNUInstallDirs)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(simdjson REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(libcares REQUIRED IMPORTED_TARGET libcares)
find_package(OpenSSL 3 REQUIRED)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
# -pthread, which re2.pc names, would keep the precompiled headers from being used.
set_property(TARGET PkgConfig::re2 PROPERTY INTERFACE_COMPILE_OPTIONS "")
