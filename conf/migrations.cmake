# Writes OUTPUT, a C file with the migrations of FOLDER for each database (conf/store_schema.h): N.sql,
# in that database's words, and what it alone has. Run by CMakeLists.txt at build time.
function(bytes_of text out)
	string(HEX "${text}" hex)
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
	set(${out} "${bytes}0" PARENT_SCOPE)
endfunction()

function(read_sql name policy json blob serial now out)
	file(READ ${FOLDER}/${name} text)
	string(REPLACE "$POLICY" "${policy}" text "${text}")
	string(REPLACE "$JSON" "${json}" text "${text}")
	string(REPLACE "$BLOB" "${blob}" text "${text}")
	string(REPLACE "$SERIAL" "${serial}" text "${text}")
	string(REPLACE "$NOW" "${now}" text "${text}")
	set(${out} "${text}" PARENT_SCOPE)
endfunction()

set(sqlite
	"policy TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(policy) AND json_type(policy) = 'object')"
	TEXT BLOB "INTEGER PRIMARY KEY AUTOINCREMENT"
	"(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))")
set(postgres
	"policy JSONB NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(policy) = 'object')"
	JSONB BYTEA "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
	"(CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))")

set(arrays "")
set(rows "")
set(n 1)
while(EXISTS ${FOLDER}/${n}.sql)
	foreach(kind sqlite postgres)
		read_sql(${n}.sql ${${kind}} both)
		read_sql(${n}.${kind}.sql ${${kind}} own)
		bytes_of("${both}${own}" bytes)
		string(APPEND arrays "static const char ${kind}_${n}[] = {${bytes}};\n")
	endforeach()
	string(APPEND rows "\t{.sqlite = sqlite_${n}, .postgres = postgres_${n}},\n")
	math(EXPR n "${n} + 1")
endwhile()
math(EXPR n "${n} - 1")
file(WRITE ${OUTPUT} "#include \"conf/store_schema.h\"\n\n${arrays}\n"
	"const struct store_migration store_migrations[] = {\n${rows}};\n"
	"const unsigned int store_migrations_n = ${n};\n")
