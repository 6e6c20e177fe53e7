# Writes OUTPUT, a C file with the compiled XDP program OBJECT as a byte array (qos/xdp/object.h). Run
# by CMakeLists.txt at build time.
file(READ ${OBJECT} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUTPUT} "#include \"qos/xdp/object.h\"\n\n"
	"const unsigned char xdp_steer_object[] = {${bytes}};\n"
	"const size_t xdp_steer_object_bytes = ${size};\n")
