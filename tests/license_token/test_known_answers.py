"""Literal documents of fixed keys: if one of these tests fails, the format has changed.

A changed format refuses the licenses that are installed at customers, so the literals are
never to be updated; a new format gets a new `typ`.
"""

from license_token.certificate import issue_certificate, read_certificate
from license_token.reply import read_reply, sign_reply
from license_token.request import read_request, sign_request
from tests.license_token.cast import DAY, INSTANCE, NOW, ROOT, ROOTS, SIGNER, public
from tests.license_token.test_certificate import CLAIMS as CERTIFICATE_CLAIMS
from tests.license_token.test_reply import CLAIMS as REPLY_CLAIMS
from tests.license_token.test_reply import PRESIGNED_CLAIMS
from tests.license_token.test_request import CLAIMS as REQUEST_CLAIMS

CERTIFICATE = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6IlVERFJlT1psMWlwWEFmcDl3WXNtMTNzREJNSzVvZy0tUVdkQmp6dWY2bzQi"
    "LCJ0eXAiOiJzZW50YXJpLWNlcnRpZmljYXRlK2p3dCJ9.eyJleHAiOjE4MDc3NzYwMDAsImlhdCI6MTc5OTEzNjA"
    "wMCwiaXNzIjoic2VudGFyaS1yb290IiwiandrIjp7ImNydiI6IkVkMjU1MTkiLCJrdHkiOiJPS1AiLCJ4IjoiN1V"
    "rb3hpalJ3c2JxNlFNNGtGbVZZU2xaSnpwY1lfazJOc0ZHRkt5SE45RSJ9LCJuYmYiOjE3OTkxMzYwMDAsInN1YiI"
    "6Im5SSUUyVm1LZE1qTDFKRDd0YlY3ZlhWZ1h4bXYwR0tuTUZXUlVKTVRmOVEiLCJ1c2UiOiJsaWNlbnNlIn0.5dV"
    "tDJEAVNQHnJ-tDrF9tAG9QwKUwQsnAok6TpfEJITkWfGKyKaCeAvhoHMHPlKE2Jw9N5BQIMI1P1nJJDq9Bg"
)
REPLY_ALONE = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6Im5SSUUyVm1LZE1qTDFKRDd0YlY3ZlhWZ1h4bXYwR0tuTUZXUlVKTVRmOVEi"
    "LCJ0eXAiOiJzZW50YXJpLWxpY2Vuc2Urand0In0.eyJhdWQiOiI2ZjFjMmE1OC00YTBlLTRkN2ItOWM1NS0wYjNj"
    "NmQxZTJmOTAiLCJhdWRpdCI6eyJoZWFkIjoiMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2"
    "Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZiIsInNlcSI6NDJ9LCJjbmYiOnsiamt0IjoiMFl1Q1c0TjlMS1BzTzBq"
    "UEtLZ0RZbzNIN0hIMkxraVQ4WUx1RkdzbFpYSSJ9LCJjdXN0b21lcl9lbWFpbCI6Iml0QGt1bi5leGFtcGxlIiwi"
    "Y3VzdG9tZXJfbmFtZSI6IsW9bHXFpW91xI1rw70ga8WvxYggYS5zLiDwn5COIiwiZXhwaXJlc19hdCI6IjIwMjct"
    "MDYtMzAiLCJncmFjZV9wZXJpb2RfZGF5cyI6MTQsImlhdCI6MTgwMDAwMDAwMCwiaXNzIjoiaHR0cHM6Ly9saWNl"
    "bnNlLnNlbnRhcmkuZGV2IiwianRpIjoiRUJFU0V4UVZGaGNZR1JvYkhCMGVIdyIsImtleV9oaW50IjoiWFc4WjQi"
    "LCJtYXhfZGV2aWNlcyI6MjUwLCJtYXhfb2ZmbGluZV9kYXlzIjoxLCJtYXhfcGFja2FnZXMiOm51bGwsIm5vbmNl"
    "IjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EdyIsInJlYWRfb25seV9wZXJpb2RfZGF5cyI6MzAsInNlcSI6Nywic3Rh"
    "dHVzIjoiYWN0aXZlIiwic3ViIjoibGljLTIwMjctMDAwMSIsInRpZXIiOiJlbnRlcnByaXNlIn0.d6VeadAjt2AM"
    "6o3pBurOPsfqxCw7kD4UTaOlkw630ItO5YGOzUUsoKlW3ITpOG6IZnozWh4wqzEaO7X3aKMQAQ"
)
PRESIGNED_ALONE = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6Im5SSUUyVm1LZE1qTDFKRDd0YlY3ZlhWZ1h4bXYwR0tuTUZXUlVKTVRmOVEi"
    "LCJ0eXAiOiJzZW50YXJpLWxpY2Vuc2Urand0In0.eyJhdWQiOiIqIiwiYXVkaXQiOm51bGwsImNuZiI6bnVsbCwi"
    "Y3VzdG9tZXJfZW1haWwiOiJpdEBrdW4uZXhhbXBsZSIsImN1c3RvbWVyX25hbWUiOiLFvWx1xaVvdcSNa8O9IGvF"
    "r8WIIGEucy4g8J-QjiIsImV4cGlyZXNfYXQiOiIyMDI3LTA2LTMwIiwiZ3JhY2VfcGVyaW9kX2RheXMiOjE0LCJp"
    "YXQiOjE4MDAwMDAwMDAsImlzcyI6Imh0dHBzOi8vbGljZW5zZS5zZW50YXJpLmRldiIsImp0aSI6IkVCRVNFeFFW"
    "RmhjWUdSb2JIQjBlSHciLCJrZXlfaGludCI6IlhXOFo0IiwibWF4X2RldmljZXMiOjI1MCwibWF4X29mZmxpbmVf"
    "ZGF5cyI6MSwibWF4X3BhY2thZ2VzIjpudWxsLCJub25jZSI6bnVsbCwicmVhZF9vbmx5X3BlcmlvZF9kYXlzIjoz"
    "MCwic2VxIjowLCJzdGF0dXMiOiJhY3RpdmUiLCJzdWIiOiJsaWMtMjAyNy0wMDAxIiwidGllciI6ImVudGVycHJp"
    "c2UifQ.jds8HuUF59UImM_gH1pxIZem6vjQwH5F19mcd_GZ_sFW23CK0ylzxI95g0CHiglO3QxYKg9KUf2qKECjq"
    "iewAA"
)
REQUEST = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6IjBZdUNXNE45TEtQc08walBLS2dEWW8zSDdISDJMa2lUOFlMdUZHc2xaWEki"
    "LCJ0eXAiOiJzZW50YXJpLXJlcXVlc3Qrand0In0.eyJhdWQiOiJodHRwczovL2xpY2Vuc2Uuc2VudGFyaS5kZXYi"
    "LCJhdWRpdCI6eyJoZWFkIjoiMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm"
    "MDEyMzQ1Njc4OWFiY2RlZiIsInNlcSI6NDJ9LCJmaW5kaW5ncyI6WyJ0YW1wZXJlZCIsImNsb2NrX3NrZXciXSwi"
    "aWF0IjoxODAwMDAwMDAwLCJpc3MiOiI2ZjFjMmE1OC00YTBlLTRkN2ItOWM1NS0wYjNjNmQxZTJmOTAiLCJqdGki"
    "OiJBQUVDQXdRRkJnY0lDUW9MREEwT0R3IiwiandrIjp7ImNydiI6IkVkMjU1MTkiLCJrdHkiOiJPS1AiLCJ4Ijoi"
    "Ym5vYzNTbXd0NF9ST3ZURldZX3Y5TzhxbHhadVBLYnk1UHY4ellCUVdfRSJ9LCJrZXlfaGFzaCI6ImFiYWJhYmFi"
    "YWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWIiLCJwcmV2aW91"
    "cyI6IkVCRVNFeFFWRmhjWUdSb2JIQjBlSHciLCJzZXJ2ZXJfdmVyc2lvbiI6IjEuMi4zIiwidXNhZ2UiOnsiZGV2"
    "aWNlcyI6NSwicGFja2FnZXMiOjEyMDB9fQ._mLvALFnwfhFBzNWfxiM2NyvgbmPXw_DRQFKccc9UKX13g6y0Q8xT"
    "geuLDDbppy5smiXrNOIiKdv1ASa5O6yDQ"
)
REPLY = f"{REPLY_ALONE}~{CERTIFICATE}"
PRESIGNED = f"{PRESIGNED_ALONE}~{CERTIFICATE}"


def test_the_certificate_is_read_and_written_as_ever() -> None:
    assert read_certificate(CERTIFICATE, ROOTS) == CERTIFICATE_CLAIMS
    times = {"not_before": NOW - 10 * DAY, "expires": NOW + 90 * DAY, "issued_at": NOW - 10 * DAY}
    assert issue_certificate(ROOT, signing_public_key=public(SIGNER), **times) == CERTIFICATE


def test_the_reply_is_read_and_written_as_ever() -> None:
    assert read_reply(REPLY, ROOTS).claims == REPLY_CLAIMS
    assert sign_reply(REPLY_CLAIMS, signing_key=SIGNER, certificate=CERTIFICATE) == REPLY


def test_the_presigned_reply_is_read_and_written_as_ever() -> None:
    assert read_reply(PRESIGNED, ROOTS).claims == PRESIGNED_CLAIMS
    assert sign_reply(PRESIGNED_CLAIMS, signing_key=SIGNER, certificate=CERTIFICATE) == PRESIGNED


def test_the_request_is_read_and_written_as_ever() -> None:
    assert read_request(REQUEST).claims == REQUEST_CLAIMS
    assert sign_request(REQUEST_CLAIMS, instance_key=INSTANCE) == REQUEST
