# CMake generated Testfile for 
# Source directory: /work/wt-sec
# Build directory: /work/wt-sec/build-san
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
subdirs("spec")
