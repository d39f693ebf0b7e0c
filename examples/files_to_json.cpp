// Reads clicks from CSV files that are moved into a directory, and writes how often each item was
// clicked as files of JSON, each batch's exactly once.
//
//     files_to_json IN OUT [--checkpoint DIRECTORY] [--master MASTER] [--conf NAME=VALUE]...
#include <millrace/file.hpp>
#include <millrace/millrace.hpp>

#include <cstdio>

using namespace std::chrono_literals;
namespace mr = millrace;

struct click {
  std::string user;
  std::int64_t item = 0;
};
struct clicked {
  std::int64_t item = 0;
  std::int64_t times = 0;
};

int main(int argc, char** argv) {
  if (argc < 3 || argv[1][0] == '-' || argv[2][0] == '-') {
    std::fprintf(stderr, "Usage: %s IN OUT [option]...\n", argv[0]);
    return 2;
  }
  return mr::launch(
      argc, argv, {.name = "FilesToJson", .batch = 200ms},
      [in = argv[1], out = argv[2]](mr::streaming_context& ssc) {
        ssc.stream(mr::file::csv<click>{.directory = in, .on_bad_record = mr::on_bad_record::skip})
            .map([](const click& c) { return std::pair{c.item, std::int64_t{1}}; })
            .reduce_by_key(std::plus<>{})
            .map([](const std::pair<std::int64_t, std::int64_t>& of) {
              return clicked{of.first, of.second};
            })
            .named("clicked")
            .write(mr::file::json<>{.directory = out});
      });
}
