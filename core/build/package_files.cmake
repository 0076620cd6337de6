# What the packages have in another way than an installation: run by CPack, which has the files of
# each package in a folder.
foreach(package IN LISTS CPACK_COMPONENTS_ALL)
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${package}/usr)
  set(documents ${root}/share/doc/${package})
  file(MAKE_DIRECTORY ${documents})
  configure_file(${CMAKE_CURRENT_LIST_DIR}/../../LICENSE ${documents}/copyright COPYONLY)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/changelog ${documents}/changelog COPYONLY)
  file(GLOB manuals ${root}/share/man/man?/*)
  execute_process(COMMAND gzip -9n ${documents}/changelog ${manuals} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
# The service file names the command's place.
file(GLOB units ${CPACK_TEMPORARY_DIRECTORY}/eddy/usr/share/doc/eddy/examples/services/*.service)
foreach(unit IN LISTS units)
  file(READ ${unit} text)
  string(REPLACE /usr/local/bin /usr/bin text "${text}")
  file(WRITE ${unit} "${text}")
endforeach()
