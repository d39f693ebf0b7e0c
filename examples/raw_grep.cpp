// How many lines with a word come over several raw streams together.
//
//     raw_grep STREAMS HOST PORT [--master MASTER] [--conf NAME=VALUE]...
#include <millrace/millrace.hpp>

#include <cstdio>
#include <cstdlib>

using namespace std::chrono_literals;
namespace mr = millrace;

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "Usage: %s STREAMS HOST PORT [option]...\n", argv[0]);
    return 2;
  }
  return mr::launch(
      argc, argv, {.name = "RawGrep", .batch = 200ms}, [argv](mr::streaming_context& ssc) {
        const int port = std::atoi(argv[3]);
        auto lines = ssc.raw_socket_stream<std::string_view>(argv[2], port);
        for (int i = 1; i < std::atoi(argv[1]); ++i)
          lines = lines + ssc.raw_socket_stream<std::string_view>(argv[2], port);
        lines
            .filter(
                [](std::string_view line) { return line.find("the") != std::string_view::npos; })
            .count()
            .print();
      });
}
