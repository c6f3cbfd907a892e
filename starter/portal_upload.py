"""Reading a form that may hold a file: from bytes that are bounded already, into memory, never onto a disk."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from starter.portal_fields import LONGEST_FIELD, Form, UnreadableEntryError, Upload, tidied
from starter.portal_form import MAX_FIELDS, MAX_FILE

MULTIPART = b"multipart/form-data"
MAX_BODY = MAX_FILE + 256 * 1024  # what surrounds the file, and the other fields
UNREADABLE = "That could not be read. Please enter it once more."


def is_multipart(content_type: str) -> bool:
    """Say whether a form is sent as one that may hold files."""
    return parse_options_header(content_type)[0] == MULTIPART


def read_multipart(content_type: str, body: bytes) -> Form:
    """Read the fields and at most one file, named ``file``. Raises UnreadableEntryError."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise UnreadableEntryError(UNREADABLE)
    read = _Parts()
    try:
        parser = FormParser(
            MULTIPART.decode(),
            read.on_field,
            read.on_file,
            read.on_end,
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": MAX_BODY, "MAX_BODY_SIZE": MAX_BODY},
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError):
        raise UnreadableEntryError(UNREADABLE) from None
    if not read.whole:
        raise UnreadableEntryError(UNREADABLE)
    return Form(read.fields, read.upload)


class _Parts:
    """The parts of a form, gathered."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.upload: Upload | None = None
        self.whole = False

    def on_field(self, field: Field) -> None:
        """Take a field."""
        value = field.value or b""
        if len(self.fields) >= MAX_FIELDS or len(value) > 4 * LONGEST_FIELD:
            raise FormParserError("too much")
        self.fields[(field.field_name or b"").decode()] = tidied(value.decode())

    def on_end(self) -> None:
        """Note that the form was not cut off."""
        self.whole = True

    def on_file(self, file: File) -> None:
        """Take a file; a browser that has none sends an empty one."""
        if not file.size:
            return
        if self.upload is not None or file.field_name != b"file":
            raise FormParserError("a file that the page does not ask for")
        file.file_object.seek(0)
        self.upload = Upload((file.file_name or b"").decode(errors="replace"), file.file_object.read())
