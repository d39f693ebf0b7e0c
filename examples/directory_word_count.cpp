// Counts the words of files that are moved into a directory.
//
//     directory_word_count DIRECTORY [--master MASTER] [--conf NAME=VALUE]...
#include <millrace/millrace.hpp>

#include <cstdio>

using namespace std::chrono_literals;
namespace mr = millrace;

int main(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') {
    std::fprintf(stderr, "Usage: %s DIRECTORY [option]...\n", argv[0]);
    return 2;
  }
  return mr::launch(argc, argv, {.name = "DirectoryWordCount", .batch = 200ms},
                    [directory = argv[1]](mr::streaming_context& ssc) {
                      ssc.text_file_stream(directory)
                          .flat_map(mr::words())
                          .map([](std::string_view word) { return std::pair{word, 1}; })
                          .reduce_by_key(std::plus<>{})
                          .print();
                    });
}
