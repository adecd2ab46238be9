# The cross compiler. CORE_FLAGS chooses the core, as FLAGS_... in the Makefile do.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CORE_FLAGS)
set(CORE_FLAGS "-mcpu=cortex-m4;-mthumb;-mfloat-abi=hard;-mfpu=fpv4-sp-d16" CACHE STRING "flags of the core")
add_compile_options(${CORE_FLAGS})
add_link_options(${CORE_FLAGS})
