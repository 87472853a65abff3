import io

import pytest


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["hex", "no-such-codec", "utf-8", '"gbk"'])
def test_no_charset_header_brings_the_process_down(charset):
    from shimao_service.wsgi import application

    answered = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/healthz", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "80",
        "CONTENT_TYPE": f"text/plain; charset={charset}", "wsgi.input": io.BytesIO(b""), "wsgi.url_scheme": "http",
        "QUERY_STRING": "",
    }  # fmt: skip
    application(environ, lambda status, headers: answered.append(status))
    assert answered == ["200 OK"]
