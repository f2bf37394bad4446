"""The words of the pages that need no JavaScript, by language. Plain text: it is escaped where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class FormTexts:
    """`name` is the language's own; `errors` are by code, with `failed` for all others."""

    name: str
    title: str
    intro: str
    record: str
    record_hint: str
    choose: str
    choose_hint: str
    language: str
    automatic: str
    names: str
    names_hint: str
    send: str
    patience: str
    kept: str
    waiting: str
    working: str
    reload: str
    transcript: str
    nothing: str
    failed: str
    cancelled: str
    download: str
    again: str
    app: str
    other_languages: str
    errors: Mapping[str, str]


_EN: Final = FormTexts(
    name="English",
    title="Care Voice: speech to text",
    intro="This page works in every browser. Send a recording, and its text appears here.",
    record="Record something new",
    record_hint="On a phone or a tablet this opens the recorder.",
    choose="Send a file",
    choose_hint="Nearly every kind of audio and video works.",
    language="Spoken language",
    automatic="Automatic",
    names="Names and terms, separated by commas",
    names_hint="They are written as you write them here.",
    send="Send and transcribe",
    patience="Please wait until the file is sent. The next page comes by itself.",
    kept="The recording is safe on the server. You can close this page and come back to its address.",
    waiting="Waiting to be transcribed.",
    working="Being transcribed.",
    reload="This page is loaded again by itself. If it is not: load it again.",
    transcript="Transcript",
    nothing="No speech was found.",
    failed="That did not work. Please try again.",
    cancelled="The transcription was cancelled.",
    download="Download",
    again="Send another recording",
    app="To the page with all functions (needs JavaScript)",
    other_languages="Other languages",
    errors=MappingProxyType(
        {
            "missing_parameter": "No file was chosen. Please choose one.",
            "empty_file": "No file was chosen, or it is empty. Please choose one.",
            "recording_too_large": "The recording is larger than this service allows.",
            "quota_exceeded": "There is no room left for recordings. Please tell whoever runs this service.",
            "storage_full": "The disk of the service is full. Please keep the recording and try again later.",
            "recording_not_found": "This recording is not here any more.",
            "no_audio_stream": "The file holds no sound.",
            "unreadable_media": "The file could not be read as audio or video.",
            "empty_recording": "The recording is too short.",
            "media_too_long": "The recording is longer than this service allows.",
            "store_unavailable": "The service cannot keep recordings now. Please try again shortly.",
        }
    ),
)

_ZH_TW: Final = FormTexts(
    name="正體中文",
    title="Care Voice：語音轉文字",
    intro="這個網頁在任何瀏覽器都能使用。送出錄音後，文字就會出現在這裡。",
    record="錄製新的錄音",
    record_hint="在手機或平板上會開啟錄音程式。",
    choose="傳送檔案",
    choose_hint="幾乎所有的音訊和影片格式都可以。",
    language="說話的語言",
    automatic="自動判斷",
    names="人名與專有名詞，以逗號分隔",
    names_hint="會照您在這裡的寫法來寫。",
    send="送出並轉成文字",
    patience="請等候檔案送完，下一頁會自動出現。",
    kept="錄音已安全存到伺服器。您可以關閉這個網頁，之後再回到這個網址。",
    waiting="等候轉寫中。",
    working="轉寫中。",
    reload="這個網頁會自動重新載入。如果沒有，請自行重新載入。",
    transcript="逐字稿",
    nothing="沒有找到說話的聲音。",
    failed="沒有成功，請再試一次。",
    cancelled="轉寫已取消。",
    download="下載",
    again="傳送另一段錄音",
    app="前往功能完整的網頁（需要 JavaScript）",
    other_languages="其他語言",
    errors=MappingProxyType(
        {
            "missing_parameter": "尚未選擇檔案，請選擇一個檔案。",
            "empty_file": "尚未選擇檔案，或檔案是空的。請選擇一個檔案。",
            "recording_too_large": "錄音超過這個服務允許的大小。",
            "quota_exceeded": "已經沒有空間可以保存錄音，請告知服務管理人員。",
            "storage_full": "服務的磁碟已滿。請保留錄音，稍後再試。",
            "recording_not_found": "這段錄音已經不在了。",
            "no_audio_stream": "檔案中沒有聲音。",
            "unreadable_media": "無法將檔案讀取為音訊或影片。",
            "empty_recording": "錄音太短了。",
            "media_too_long": "錄音超過這個服務允許的長度。",
            "store_unavailable": "服務目前無法保存錄音，請稍後再試。",
        }
    ),
)

_JA: Final = FormTexts(
    name="日本語",
    title="Care Voice：音声の文字起こし",
    intro="このページはどのブラウザーでも使えます。録音を送ると、ここに文字が表示されます。",
    record="新しく録音する",
    record_hint="スマートフォンやタブレットでは録音アプリが開きます。",
    choose="ファイルを送る",
    choose_hint="ほとんどの音声・動画に対応しています。",
    language="話す言語",
    automatic="自動",
    names="名前と用語（コンマで区切る）",
    names_hint="ここに書いたとおりに表記されます。",
    send="送信して文字起こし",
    patience="ファイルの送信が終わるまでお待ちください。次のページは自動で開きます。",
    kept="録音はサーバーに保存されました。このページを閉じて、後で同じアドレスに戻れます。",
    waiting="文字起こしの順番を待っています。",
    working="文字起こし中です。",
    reload="このページは自動で再読み込みされます。されない場合は、再読み込みしてください。",
    transcript="文字起こし",
    nothing="話し声が見つかりませんでした。",
    failed="うまくいきませんでした。もう一度お試しください。",
    cancelled="文字起こしはキャンセルされました。",
    download="ダウンロード",
    again="別の録音を送る",
    app="すべての機能があるページへ（JavaScript が必要）",
    other_languages="ほかの言語",
    errors=MappingProxyType(
        {
            "missing_parameter": "ファイルが選ばれていません。選んでください。",
            "empty_file": "ファイルが選ばれていないか、空です。選び直してください。",
            "recording_too_large": "録音がこのサービスの上限を超えています。",
            "quota_exceeded": "録音を保存する空きがありません。サービスの管理者にお知らせください。",
            "storage_full": "サービスのディスクがいっぱいです。録音を残しておき、後でもう一度お試しください。",
            "recording_not_found": "この録音はもうありません。",
            "no_audio_stream": "このファイルには音声がありません。",
            "unreadable_media": "音声または動画として読み取れませんでした。",
            "empty_recording": "録音が短すぎます。",
            "media_too_long": "録音がこのサービスの上限より長いです。",
            "store_unavailable": "今は録音を保存できません。少し待ってからお試しください。",
        }
    ),
)

_ID: Final = FormTexts(
    name="Bahasa Indonesia",
    title="Care Voice: suara menjadi teks",
    intro="Halaman ini dapat dipakai di semua peramban. Kirim rekaman, dan teksnya muncul di sini.",
    record="Buat rekaman baru",
    record_hint="Di ponsel atau tablet, ini membuka perekam.",
    choose="Kirim berkas",
    choose_hint="Hampir semua jenis audio dan video dapat dipakai.",
    language="Bahasa yang diucapkan",
    automatic="Otomatis",
    names="Nama dan istilah, dipisahkan dengan koma",
    names_hint="Ditulis persis seperti di sini.",
    send="Kirim dan transkripsikan",
    patience="Tunggu sampai berkas terkirim. Halaman berikutnya muncul sendiri.",
    kept="Rekaman aman di server. Halaman ini boleh ditutup, dan alamatnya dapat dibuka lagi nanti.",
    waiting="Menunggu transkripsi.",
    working="Sedang ditranskripsi.",
    reload="Halaman ini dimuat ulang sendiri. Jika tidak, muat ulang sendiri.",
    transcript="Transkrip",
    nothing="Tidak ada ucapan yang ditemukan.",
    failed="Tidak berhasil. Silakan coba lagi.",
    cancelled="Transkripsi dibatalkan.",
    download="Unduh",
    again="Kirim rekaman lain",
    app="Ke halaman dengan semua fungsi (perlu JavaScript)",
    other_languages="Bahasa lain",
    errors=MappingProxyType(
        {
            "missing_parameter": "Belum ada berkas yang dipilih. Silakan pilih.",
            "empty_file": "Belum ada berkas yang dipilih, atau berkasnya kosong. Silakan pilih.",
            "recording_too_large": "Rekaman lebih besar daripada batas layanan ini.",
            "quota_exceeded": "Tidak ada ruang lagi untuk rekaman. Beri tahu pengelola layanan.",
            "storage_full": "Disk layanan penuh. Simpan rekamannya dan coba lagi nanti.",
            "recording_not_found": "Rekaman ini sudah tidak ada.",
            "no_audio_stream": "Berkas ini tidak berisi suara.",
            "unreadable_media": "Berkas tidak terbaca sebagai audio atau video.",
            "empty_recording": "Rekaman terlalu pendek.",
            "media_too_long": "Rekaman lebih panjang daripada batas layanan ini.",
            "store_unavailable": "Layanan sedang tidak dapat menyimpan rekaman. Silakan coba lagi sebentar lagi.",
        }
    ),
)

_VI: Final = FormTexts(
    name="Tiếng Việt",
    title="Care Voice: chuyển giọng nói thành văn bản",
    intro="Trang này dùng được trên mọi trình duyệt. Gửi bản ghi âm và văn bản sẽ hiện ở đây.",
    record="Ghi âm mới",
    record_hint="Trên điện thoại hoặc máy tính bảng, nút này mở trình ghi âm.",
    choose="Gửi tệp",
    choose_hint="Hầu hết mọi loại âm thanh và video đều dùng được.",
    language="Ngôn ngữ nói",
    automatic="Tự động",
    names="Tên và thuật ngữ, cách nhau bằng dấu phẩy",
    names_hint="Được viết đúng như bạn viết ở đây.",
    send="Gửi và chuyển thành văn bản",
    patience="Vui lòng chờ gửi xong tệp. Trang tiếp theo sẽ tự hiện ra.",
    kept="Bản ghi đã an toàn trên máy chủ. Bạn có thể đóng trang này và quay lại địa chỉ này sau.",
    waiting="Đang chờ chuyển thành văn bản.",
    working="Đang chuyển thành văn bản.",
    reload="Trang này tự tải lại. Nếu không, hãy tải lại trang.",
    transcript="Văn bản",
    nothing="Không tìm thấy tiếng nói.",
    failed="Không thành công. Vui lòng thử lại.",
    cancelled="Đã hủy chuyển thành văn bản.",
    download="Tải xuống",
    again="Gửi bản ghi khác",
    app="Đến trang có đủ chức năng (cần JavaScript)",
    other_languages="Ngôn ngữ khác",
    errors=MappingProxyType(
        {
            "missing_parameter": "Chưa chọn tệp. Vui lòng chọn một tệp.",
            "empty_file": "Chưa chọn tệp, hoặc tệp trống. Vui lòng chọn một tệp.",
            "recording_too_large": "Bản ghi lớn hơn mức dịch vụ cho phép.",
            "quota_exceeded": "Không còn chỗ cho bản ghi. Vui lòng báo người quản lý dịch vụ.",
            "storage_full": "Đĩa của dịch vụ đã đầy. Vui lòng giữ bản ghi và thử lại sau.",
            "recording_not_found": "Bản ghi này không còn nữa.",
            "no_audio_stream": "Tệp này không có âm thanh.",
            "unreadable_media": "Không đọc được tệp âm thanh hoặc video.",
            "empty_recording": "Bản ghi quá ngắn.",
            "media_too_long": "Bản ghi dài hơn mức dịch vụ cho phép.",
            "store_unavailable": "Dịch vụ hiện không lưu được bản ghi. Vui lòng thử lại sau giây lát.",
        }
    ),
)

_FIL: Final = FormTexts(
    name="Filipino",
    title="Care Voice: mula boses tungo sa teksto",
    intro="Gumagana ang pahinang ito sa lahat ng browser. Magpadala ng recording, at lalabas dito ang teksto.",
    record="Mag-record ng bago",
    record_hint="Sa telepono o tablet, binubuksan nito ang recorder.",
    choose="Magpadala ng file",
    choose_hint="Halos lahat ng uri ng audio at video ay puwede.",
    language="Wikang ginagamit",
    automatic="Awtomatiko",
    names="Mga pangalan at termino, may kuwit sa pagitan",
    names_hint="Isusulat ang mga ito ayon sa sulat mo rito.",
    send="Ipadala at isulat",
    patience="Maghintay hanggang maipadala ang file. Kusang lalabas ang susunod na pahina.",
    kept="Ligtas sa server ang recording. Puwede mong isara ang pahinang ito at bumalik sa address nito.",
    waiting="Naghihintay maisulat.",
    working="Isinusulat na.",
    reload="Kusang naglo-load muli ang pahinang ito. Kung hindi, i-load ito muli.",
    transcript="Teksto",
    nothing="Walang nahanap na pagsasalita.",
    failed="Hindi nagtagumpay. Pakisubukan muli.",
    cancelled="Kinansela ang pagsusulat.",
    download="I-download",
    again="Magpadala ng ibang recording",
    app="Sa pahinang may lahat ng gamit (kailangan ng JavaScript)",
    other_languages="Ibang wika",
    errors=MappingProxyType(
        {
            "missing_parameter": "Walang napiling file. Pumili ng isa.",
            "empty_file": "Walang napiling file, o wala itong laman. Pumili ng isa.",
            "recording_too_large": "Mas malaki ang recording kaysa pinapayagan ng serbisyo.",
            "quota_exceeded": "Wala nang lugar para sa mga recording. Sabihan ang namamahala ng serbisyo.",
            "storage_full": "Puno na ang disk ng serbisyo. Itago ang recording at subukan muli mamaya.",
            "recording_not_found": "Wala na rito ang recording na ito.",
            "no_audio_stream": "Walang tunog ang file.",
            "unreadable_media": "Hindi mabasa ang file bilang audio o video.",
            "empty_recording": "Masyadong maikli ang recording.",
            "media_too_long": "Mas mahaba ang recording kaysa pinapayagan ng serbisyo.",
            "store_unavailable": "Hindi makapagtago ng recording ang serbisyo sa ngayon. Subukan muli maya-maya.",
        }
    ),
)

_TH: Final = FormTexts(
    name="ไทย",
    title="Care Voice: แปลงเสียงเป็นข้อความ",
    intro="หน้านี้ใช้ได้กับทุกเบราว์เซอร์ ส่งบันทึกเสียง แล้วข้อความจะขึ้นที่นี่",
    record="บันทึกเสียงใหม่",
    record_hint="บนโทรศัพท์หรือแท็บเล็ตจะเปิดเครื่องบันทึกเสียง",
    choose="ส่งไฟล์",
    choose_hint="ใช้ได้กับเสียงและวิดีโอเกือบทุกชนิด",
    language="ภาษาที่พูด",
    automatic="อัตโนมัติ",
    names="ชื่อและคำศัพท์ คั่นด้วยจุลภาค",
    names_hint="จะเขียนตามที่คุณเขียนไว้ที่นี่",
    send="ส่งและถอดเสียง",
    patience="โปรดรอจนส่งไฟล์เสร็จ หน้าถัดไปจะขึ้นเอง",
    kept="บันทึกเสียงอยู่ในเซิร์ฟเวอร์อย่างปลอดภัย ปิดหน้านี้ได้และกลับมาที่ที่อยู่นี้ภายหลังได้",
    waiting="รอถอดเสียง",
    working="กำลังถอดเสียง",
    reload="หน้านี้จะโหลดใหม่เอง ถ้าไม่โหลด โปรดโหลดใหม่",
    transcript="ข้อความถอดเสียง",
    nothing="ไม่พบเสียงพูด",
    failed="ไม่สำเร็จ โปรดลองอีกครั้ง",
    cancelled="ยกเลิกการถอดเสียงแล้ว",
    download="ดาวน์โหลด",
    again="ส่งบันทึกเสียงอื่น",
    app="ไปหน้าที่มีทุกฟังก์ชัน (ต้องใช้ JavaScript)",
    other_languages="ภาษาอื่น",
    errors=MappingProxyType(
        {
            "missing_parameter": "ยังไม่ได้เลือกไฟล์ โปรดเลือกไฟล์",
            "empty_file": "ยังไม่ได้เลือกไฟล์ หรือไฟล์ว่างเปล่า โปรดเลือกไฟล์",
            "recording_too_large": "บันทึกเสียงใหญ่เกินกว่าที่บริการนี้รับได้",
            "quota_exceeded": "ไม่มีที่ว่างสำหรับบันทึกเสียง โปรดแจ้งผู้ดูแลบริการ",
            "storage_full": "ดิสก์ของบริการเต็ม โปรดเก็บบันทึกเสียงไว้และลองใหม่ภายหลัง",
            "recording_not_found": "ไม่มีบันทึกเสียงนี้แล้ว",
            "no_audio_stream": "ไฟล์นี้ไม่มีเสียง",
            "unreadable_media": "อ่านไฟล์เสียงหรือวิดีโอไม่ได้",
            "empty_recording": "บันทึกเสียงสั้นเกินไป",
            "media_too_long": "บันทึกเสียงยาวเกินกว่าที่บริการนี้รับได้",
            "store_unavailable": "ตอนนี้บริการเก็บบันทึกเสียงไม่ได้ โปรดลองอีกครั้งในอีกสักครู่",
        }
    ),
)

TEXTS: Final[Mapping[str, FormTexts]] = MappingProxyType(
    {"zh-TW": _ZH_TW, "en": _EN, "ja": _JA, "id": _ID, "vi": _VI, "fil": _FIL, "th": _TH}
)
"""By language tag; the first one is for browsers that ask for none of them."""


_OTHER_NAMES: Final = MappingProxyType({"tl": "fil", "in": "id"})
"""What else browsers call a language that is here."""


def choose(accept_language: str, asked: str | None = None) -> str:
    """The tag of the language to write in: the one that is asked for, else the first of those that the browser names
    (RFC 9110, 12.5.4) that is here, else the first one.
    """
    if asked is not None and asked in TEXTS:
        return asked
    for wanted in _wanted(accept_language):
        for tag in TEXTS:
            if tag.lower() == wanted or tag.lower().split("-")[0] == wanted.split("-")[0]:
                return tag
    return next(iter(TEXTS))


def _wanted(accept_language: str) -> list[str]:
    """Language tags in lower case, the most wanted first."""
    ranked: list[tuple[float, str]] = []
    for part in accept_language.lower().split(",")[:20]:
        tag, _, quality = part.strip().partition(";")
        tag = tag.strip()
        ranked.append((_weight(quality), _OTHER_NAMES.get(tag.split("-")[0], tag)))
    return [tag for weight, tag in sorted(ranked, key=lambda each: -each[0]) if weight > 0 and tag]


def _weight(quality: str) -> float:
    name, _, value = quality.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0
