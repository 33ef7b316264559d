"""The credentials of AWS for a store, as boto3 finds them."""

from __future__ import annotations

from datetime import timedelta

from boto3 import Session
from botocore.exceptions import BotoCoreError
from obstore.auth.boto3 import Boto3CredentialProvider

from personalize_connectors.errors import BadSettings

# botocore renews credentials that end within 10 minutes, so what it gives is good for as long.
_CREDENTIALS_HOLD = timedelta(minutes=10)


def credential_provider() -> Boto3CredentialProvider:
    """Gives them, and gives them anew before they end.

    Raises:
        BadSettings: there are none, or the profile that is named is not there.
    """
    try:
        session = Session()
        if session.get_credentials() is None:
            raise BadSettings(
                "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or run where a role is attached"
            )
        return Boto3CredentialProvider(session, ttl=_CREDENTIALS_HOLD)
    except BotoCoreError as error:
        raise BadSettings(f"the AWS credentials cannot be used: {error}") from None
