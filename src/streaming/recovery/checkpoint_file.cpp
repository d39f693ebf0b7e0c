#include "streaming/recovery/checkpoint_file.hpp"

#include "millrace/error.hpp"
#include "storage/framed_file.hpp"
#include "streaming/recovery/encoded.hpp"

namespace millrace::detail {
namespace {

const std::string& description() {
  static const std::string text = "checkpoint of " + signature_of(row_type_of<checkpoint>());
  return text;
}

}  // namespace

checkpoint read_checkpoint(file_system& files, const std::string& path) {
  framed_reader reader(files.open_read(path));
  if (reader.description() != description())
    reader.refuse("another version of millrace wrote it, or it is no checkpoint", 0);
  framed_reader::frame frame;
  if (!reader.next(frame)) reader.refuse("it is empty", 0);
  checkpoint one;
  try {
    one = decode<checkpoint>(frame.payload);
  } catch (const error& e) {
    reader.refuse(e.what(), frame.offset);
  }
  if (reader.next(frame)) reader.refuse("it holds more than a checkpoint", frame.offset);
  return one;
}

void write_checkpoint(file_system& files, const std::string& directory, const std::string& path,
                      const checkpoint& one) {
  const std::string unfinished = path + ".tmp";
  std::unique_ptr<output_file> file = files.create(unfinished);
  try {
    framed_writer writer(*file, description());
    writer.frame(encoded(one), 1);
    writer.finish();
    file->sync();
    file->close();
  } catch (const full_disk&) {
    file.reset();
    files.remove_tree(unfinished);
    throw;
  }
  (void)read_checkpoint(files, unfinished);  // before an older one is removed for it
  files.sync_directory(directory);           // the files that it names come first
  files.rename(unfinished, path);
  files.sync_directory(directory);
}

}  // namespace millrace::detail
