// expect: mr::file::json<T> reads files
#include "millrace/file.hpp"
#include "millrace/millrace.hpp"

struct click {
  int page;
};

void misuse(const millrace::dstream<click>& clicks) {
  clicks.write(millrace::file::json<click>{.directory = "out"});
}
