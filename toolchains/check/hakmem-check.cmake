# hakmem_closed_test(NAME TARGET [VARIANT release|hardened|checked])
#
# Adds the test NAME: every allocation of the program TARGET goes to hakmem. It
# fails with the culprit's name, and also where nothing can be told, as for a
# stripped program (so keep -s out of the link; strip when installing).

find_program(HAKMEM_CHECK hakmem-check
  HINTS "${CMAKE_CURRENT_LIST_DIR}/../../../bin" NO_DEFAULT_PATH)

function(hakmem_closed_test name target)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "VARIANT" "")
  # What is misspelt or empty must not ask for less than it meant to.
  if(DEFINED arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR
      "hakmem_closed_test(${name}): not understood: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(";${ARGN};" MATCHES ";VARIANT;" AND NOT arg_VARIANT)
    message(FATAL_ERROR "hakmem_closed_test(${name}): VARIANT has no value.")
  endif()
  if(NOT HAKMEM_CHECK)
    message(FATAL_ERROR "hakmem-check is not where it was installed: bin/.")
  endif()
  set(options)
  if(arg_VARIANT)
    list(APPEND options --variant "${arg_VARIANT}")
  endif()
  add_test(NAME "${name}"
    COMMAND "${HAKMEM_CHECK}" ${options} "$<TARGET_FILE:${target}>")
endfunction()
