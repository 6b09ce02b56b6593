# Writes version.hpp with the state of the source tree at build time; configure_file keeps its date when nothing changed.
execute_process(COMMAND git describe --always --dirty --tags WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE FASWEEP_GIT
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(FASWEEP_GIT "not a git checkout")
endif()
configure_file(${SOURCE}/src/cli/version.hpp.in ${OUTPUT} @ONLY)
