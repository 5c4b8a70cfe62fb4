# Parquet in bulk runs, where Arrow is installed (libarrow-dev, libparquet-dev).  Not in installed packages: these would
# need Arrow too.
option(DSPY_PARQUET "Read Parquet in bulk runs, with an installed Arrow" OFF)
if(DSPY_PARQUET)
  find_package(Arrow CONFIG REQUIRED)
  find_package(Parquet CONFIG REQUIRED)
  target_compile_definitions(dspy_bulk PRIVATE DSPY_WITH_PARQUET)
  target_link_libraries(dspy_bulk PRIVATE $<BUILD_LOCAL_INTERFACE:Parquet::parquet_shared> $<BUILD_LOCAL_INTERFACE:Arrow::arrow_shared>)
endif()
