#include "data/file_format.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

using namespace std::string_view_literals;

/// One that files may begin as. In `advice`, FILE stands for the file.
struct Known {
  std::string_view begin;
  std::string_view name;
  std::string_view advice;
};

constexpr std::string_view numpy_advice =
    "convert it: python3 -c \"import numpy, h5py; a = numpy.load('FILE'); f = h5py.File('table.h5', 'w'); "
    "[f.create_dataset(k, data=a[k]) for k in a.files]\", and set data.source = hdf5";
constexpr std::string_view spreadsheet_advice = "save it as CSV from the spreadsheet program";
constexpr std::string_view frame_advice =
    "convert it: python3 -c \"import pandas; pandas.read_WHAT('FILE').to_csv('table.csv', index=False)\"";

constexpr std::string_view idx_advice = "set data.source = idx and data.path to its folder";

/// Longer beginnings before their own beginnings.
constexpr std::array known_formats{
    Known{"\x89HDF\r\n\x1a\n"sv, "an HDF5 file", "set data.source = hdf5"},
    Known{"MATLAB 7.3 MAT-file"sv, "an HDF5 file", "set data.source = hdf5"},
    Known{"\0\0\x08"sv, "an IDX file", idx_advice},
    Known{"\0\0\x09"sv, "an IDX file", idx_advice},
    Known{"\0\0\x0b"sv, "an IDX file", idx_advice},
    Known{"\0\0\x0c"sv, "an IDX file", idx_advice},
    Known{"\0\0\x0d"sv, "an IDX file", idx_advice},
    Known{"\0\0\x0e"sv, "an IDX file", idx_advice},
    Known{"\xff\xfe\0\0"sv, "UTF-32 text", "convert it: iconv -f UTF-32 -t UTF-8 'FILE' > table.csv"},
    Known{"\0\0\xfe\xff"sv, "UTF-32 text", "convert it: iconv -f UTF-32 -t UTF-8 'FILE' > table.csv"},
    Known{"\xff\xfe"sv, "UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8 'FILE' > table.csv"},
    Known{"\xfe\xff"sv, "UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8 'FILE' > table.csv"},
    Known{"\xfd"
          "7zXZ\0"sv,
          "compressed by xz", "unpack it: xz -dk 'FILE'"},
    Known{"BZh91AY&SY"sv, "compressed by bzip2", "unpack it: bzip2 -dk 'FILE'"},
    Known{"\x28\xb5\x2f\xfd"sv, "compressed by zstd", "unpack it: zstd -d 'FILE'"},
    Known{"\x04\x22\x4d\x18"sv, "compressed by lz4", "unpack it: lz4 -d 'FILE'"},
    Known{"\x1f\x9d"sv, "compressed by compress", "unpack it: gunzip -k 'FILE'"},
    Known{"\x1f\x8b"sv, "gzip within gzip", "unpack it: gunzip -k 'FILE'"},
    Known{"7z\xbc\xaf\x27\x1c"sv, "a 7z archive", "unpack it: 7z x 'FILE'"},
    Known{"Rar!\x1a\x07"sv, "a RAR archive", "unpack it: unrar x 'FILE'"},
    Known{"\x93NUMPY"sv, "an array of numpy (npy)",
          "convert it: python3 -c \"import numpy; numpy.savetxt('table.csv', numpy.load('FILE'), delimiter=',')\""},
    Known{"PAR1\x15"sv, "a Parquet file", frame_advice},
    Known{"ARROW1\0"sv, "a Feather file", frame_advice},
    Known{"FEA1\0"sv, "a Feather file", frame_advice},
    Known{"\x80\x04\x95"sv, "a pickle of Python", "write its arrays to CSV or HDF5 with the program that made it"},
    Known{"\x80\x03"sv, "a pickle of Python", "write its arrays to CSV or HDF5 with the program that made it"},
    Known{"MATLAB 5.0 MAT-file"sv, "a MAT-file of version 5",
          "save it in MATLAB by save('table.mat', 'x', 'y', '-v7.3'), which is HDF5, and set data.source = hdf5"},
    Known{"CDF\x01"sv, "a netCDF file of version 3", "convert it: nccopy -k nc4 'FILE' table.nc, which is HDF5"},
    Known{"CDF\x02"sv, "a netCDF file of version 3", "convert it: nccopy -k nc4 'FILE' table.nc, which is HDF5"},
    Known{"SQLite format 3\0"sv, "a SQLite database", "write a table of it: sqlite3 -csv -header 'FILE'"},
    Known{"\xd0\xcf\x11\xe0"sv, "an Excel file (xls)", spreadsheet_advice},
    Known{"%PDF-"sv, "a PDF file", "give the table itself"},
    Known{"\x89PNG"sv, "a PNG image", "write the pixels of all images to HDF5 or IDX"},
    Known{"\xff\xd8\xff"sv, "a JPEG image", "write the pixels of all images to HDF5 or IDX"},
    Known{"{\\rtf"sv, "RTF text", "save it as plain text"},
};

/// Texts that are no tables, by their first letters, which may be of either case.
constexpr std::array known_texts{
    Known{"<!doctype html"sv, "a web page", "fetch the file that the page offers"},
    Known{"<html"sv, "a web page", "fetch the file that the page offers"},
    Known{"<?xml"sv, "XML", "save it as CSV"},
    Known{"@relation"sv, "an ARFF file of Weka",
          "convert it: python3 -c \"import pandas, scipy.io.arff as a; "
          "pandas.DataFrame(a.loadarff('FILE')[0]).to_csv('table.csv', index=False)\""},
    Known{"{"sv, "JSON", "write it as CSV"},
    Known{"[{"sv, "JSON",
          "convert it: python3 -c \"import pandas; pandas.read_json('FILE').to_csv('table.csv', "
          "index=False)\""},
    Known{"version https://git-lfs"sv, "a pointer of Git LFS", "fetch the file itself: git lfs pull"},
};

/// Zip archives by the name of an entry that begins at byte 30.
constexpr std::array known_zips{
    Known{"[Content_Types].xml"sv, "an Excel file (xlsx)", spreadsheet_advice},
    Known{"mimetype"sv, "a spreadsheet (ods)", spreadsheet_advice},
};

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

[[noreturn]] void refuse(const std::string& origin, const Known& format) {
  std::string advice = replaced(std::string(format.advice), "FILE", origin);
  advice = replaced(std::move(advice), "WHAT", format.name == "a Parquet file" ? "parquet" : "feather");
  throw ConfigError("data file '" + origin + "' cannot be read (it is " + std::string(format.name) + "); " + advice);
}

void refuse_zip(std::string_view bytes, const std::string& origin) {
  constexpr std::size_t name_at = 30;
  const std::string_view name = bytes.substr(std::min(name_at, bytes.size()), 256);
  for (const Known& format : known_zips) {
    if (name.starts_with(format.begin)) {
      refuse(origin, format);
    }
  }
  const auto name_size = bytes.size() > name_at ? static_cast<unsigned char>(bytes[26]) : 0U;
  if (name.substr(0, name_size).ends_with(".npy")) {
    refuse(origin, {{}, "an archive of numpy (npz)", numpy_advice});
  }
  refuse(origin, {{}, "a zip archive", "unpack it: unzip 'FILE'"});
}

bool begins_as(std::string_view bytes, std::string_view begin) {
  return bytes.size() >= begin.size() && std::equal(begin.begin(), begin.end(), bytes.begin(), [](char a, char b) {
           return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
         });
}

void refuse_other_text(std::string_view bytes, const std::string& origin) {
  const std::string_view text = trim(bytes.substr(0, 1024));
  for (const Known& format : known_texts) {
    if (begins_as(text, format.begin)) {
      refuse(origin, format);
    }
  }
  if (bytes.size() > 2 && (bytes[1] == '\0') != (bytes[0] == '\0')) {
    refuse(origin, {{}, "UTF-16 text without a mark", "convert it: iconv -f UTF-16LE -t UTF-8 'FILE' > table.csv"});
  }
  if (const std::size_t at = bytes.find('\0'); at != std::string_view::npos) {
    throw ConfigError(
        "data file '" + origin + "' cannot be read (byte " + std::to_string(at + 1) +
        " is zero, so it is not text); give a table of numbers as text, or set data.source to what it is");
  }
  if (bytes.find('\n') == std::string_view::npos && trim(bytes).find('\r') != std::string_view::npos) {
    refuse(origin,
           {{}, "text whose lines end as on an old Macintosh", "convert it: tr '\\r' '\\n' < 'FILE' > table.csv"});
  }
}

}  // namespace

void refuse_foreign(std::span<const std::uint8_t> bytes, FileFormat expected, const std::string& origin) {
  constexpr std::array<std::string_view, 3> own_names{"text", "an HDF5 file", "an IDX file"};
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("PK\x03\x04")) {
    refuse_zip(text, origin);
  }
  constexpr std::size_t tar_mark_at = 257;
  if (text.size() > tar_mark_at && text.substr(tar_mark_at).starts_with("ustar")) {
    refuse(origin, {{}, "a tar archive", "unpack it: tar xf 'FILE'"});
  }
  for (const Known& format : known_formats) {
    if (text.starts_with(format.begin) && format.name != own_names[static_cast<std::size_t>(expected)]) {
      refuse(origin, format);
    }
  }
  if (expected == FileFormat::text) {
    refuse_other_text(text, origin);
  }
}

}  // namespace fasweep
