# find_package(hakmem CONFIG REQUIRED)
# target_link_libraries(daemon PRIVATE hakmem::hakmem)
# target_link_options(daemon PRIVATE -static)
#
# hakmem::hakmem          malloc and everything like it
# hakmem::hakmem_new      that, and operator new and delete (C++)
# hakmem::hakmem_crash    that, and crashes are reported on stderr
# hakmem::hakmem_dump     that, and hak_dump
# hakmem::hakmem_profile  that, and hak_profile_*
# hakmem::hakmem_pool     malloc with hak_init_pool, HAK_POOL
#
# enable_testing()
# hakmem_closed_test(daemon_closed daemon)  # see hakmem-check.cmake

if(TARGET hakmem::hakmem)
  return()
endif()

get_filename_component(
  _hakmem_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

add_library(hakmem::hakmem INTERFACE IMPORTED)
set(_hakmem_wrap
@WRAP_CMAKE@
)
# An object and not a library: libc.a comes last on the link line, and asks for
# the wrappers when an archive would already have been passed over.
set_target_properties(hakmem::hakmem PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${_hakmem_root}/include"
  INTERFACE_LINK_OPTIONS "${_hakmem_wrap}"
  INTERFACE_LINK_LIBRARIES
    "${_hakmem_root}/lib/hakmem.o;${_hakmem_root}/lib/libhakmem_see.a")

add_library(hakmem::hakmem_new INTERFACE IMPORTED)
set_target_properties(hakmem::hakmem_new PROPERTIES
  INTERFACE_LINK_LIBRARIES
    "${_hakmem_root}/lib/hakmem_new.o;hakmem::hakmem")

foreach(_hakmem_extra hakmem_crash hakmem_dump hakmem_pool
                       hakmem_profile)
  add_library(hakmem::${_hakmem_extra} INTERFACE IMPORTED)
  set_target_properties(hakmem::${_hakmem_extra} PROPERTIES
    INTERFACE_LINK_LIBRARIES
      "${_hakmem_root}/lib/${_hakmem_extra}.o;hakmem::hakmem")
endforeach()

set(hakmem_VARIANT "@VARIANT@")
include("${CMAKE_CURRENT_LIST_DIR}/hakmem-check.cmake")

unset(_hakmem_extra)
unset(_hakmem_wrap)
unset(_hakmem_root)
