#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "millrace/error.hpp"
#include "storage/key_value_store.hpp"

namespace millrace::detail {
namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

rocksdb::Options options(std::size_t memory) {
  const auto cache = rocksdb::NewLRUCache(memory, 2);
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // Indexes and filters count, too. In parts, since that of a whole file would drive out all else.
  blocks.cache_index_and_filter_blocks = true;
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  blocks.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  blocks.partition_filters = true;

  rocksdb::Options o;
  o.create_if_missing = true;
  o.error_if_exists = true;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  // What is not written yet is taken out of the same memory.
  o.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(memory / 2, cache);
  o.write_buffer_size = std::max<std::size_t>(memory / 4, std::size_t{1} << 20);
  o.max_open_files = 256;
  o.compression = rocksdb::kLZ4Compression;
  o.max_background_jobs = 2;
  o.keep_log_file_num = 1;
  o.info_log_level = rocksdb::FATAL_LEVEL;
  o.avoid_flush_during_shutdown = true;
  return o;
}

class rocksdb_store final : public key_value_store {
 public:
  rocksdb_store(const std::string& directory, std::size_t memory) : directory_(directory) {
    rocksdb::DB* db = nullptr;
    check("opening", rocksdb::DB::Open(options(memory), directory, &db));
    db_.reset(db);
    writing_.disableWAL = true;  // what it holds does not outlive the process
  }

  void get(std::span<const std::string_view> keys, const found_value& found) override {
    const std::size_t n = keys.size();
    std::vector<rocksdb::Slice> wanted(n);
    std::transform(keys.begin(), keys.end(), wanted.begin(), slice);
    std::vector<rocksdb::PinnableSlice> values(n);
    std::vector<rocksdb::Status> statuses(n);
    db_->MultiGet({}, db_->DefaultColumnFamily(), n, wanted.data(), values.data(), statuses.data());
    for (std::size_t i = 0; i < n; ++i) {
      if (statuses[i].IsNotFound()) continue;
      check("reading from", statuses[i]);
      found(i, view(values[i]));
    }
  }

  void scan(std::string_view first, std::string_view end, const found_pair& found) override {
    rocksdb::ReadOptions reading;
    reading.fill_cache = false;  // it may be all that there is
    const rocksdb::Slice until = slice(end);
    reading.iterate_upper_bound = &until;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(reading));
    for (at->Seek(slice(first)); at->Valid(); at->Next()) found(view(at->key()), view(at->value()));
    check("reading from", at->status());
  }

  void write(const key_value_changes& changes) override {
    rocksdb::WriteBatch batch;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const auto change = changes[i];
      check("writing to", change.remove ? batch.Delete(slice(change.key))
                                        : batch.Put(slice(change.key), slice(change.value)));
    }
    check("writing to", db_->Write(writing_, &batch));
  }

  void forget(std::string_view first, std::string_view end) override {
    check("writing to",
          db_->DeleteRange(writing_, db_->DefaultColumnFamily(), slice(first), slice(end)));
  }

 private:
  void check(std::string_view what, const rocksdb::Status& status) const {
    if (!status.ok())
      throw error(std::string(what) + " the store of state on disk failed (" + status.ToString() +
                  "); make room there, or set local.dir to another directory: \"" + directory_ +
                  "\"");
  }

  std::string directory_;
  rocksdb::WriteOptions writing_;
  std::unique_ptr<rocksdb::DB> db_;
};

const bool added = (add_store("rocksdb",
                              [](const std::string& directory,
                                 std::size_t memory) -> std::unique_ptr<key_value_store> {
                                return std::make_unique<rocksdb_store>(directory, memory);
                              }),
                    true);

}  // namespace
}  // namespace millrace::detail

/// What the linker is told to look for, so that a program that only links this has it.
extern "C" {
extern const bool* const millrace_rocksdb_linked;
const bool* const millrace_rocksdb_linked = &millrace::detail::added;
}
