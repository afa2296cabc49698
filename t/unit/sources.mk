# What tests and fuzzers compile with: nginx's headers, those that configure
# made (OBJS), and the files of the core under test.

top     := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
OBJS    ?= $(top)/.build/release
NGX     ?= /usr/share/nginx/src/src
OUT     ?= $(top)/.build/$(notdir $(CURDIR))

warn    := -W -Wall -Wpointer-arith -Wno-unused-parameter -Werror
warn    += -Wno-missing-field-initializers
incs    := -I$(top)/shared -I$(top)/shared/api -I$(top)/shared/base \
           -I$(top)/modules/auth -I$(top)/t/unit \
           $(addprefix -I$(NGX)/,core event event/modules os/unix http \
             http/modules http/v2) -I$(OBJS)
libs    := -ljansson -lcrypto -lm

api     := $(top)/shared/api
base    := $(top)/shared/base
format  := $(base)/carmen_format.c $(base)/carmen_pattern.c
check   := $(api)/carmen_check.c $(format)
router  := $(api)/carmen_router.c $(format)
cursor  := $(api)/carmen_cursor.c
body    := $(api)/carmen_validate.c $(check)
query   := $(api)/carmen_validate_query.c $(check)
jwt     := $(wildcard $(addprefix $(top)/modules/auth/carmen_,base64url.c \
             jwk.c jwk_public.c jwt.c sign.c))
webauthn := $(wildcard $(addprefix $(top)/modules/auth/carmen_,cbor.c \
             webauthn.c webauthn_data.c totp.c))
shim    := $(top)/t/unit/ngx_shim.c

headers := $(wildcard $(api)/*.h $(base)/*.h $(top)/shared/*.h $(top)/modules/auth/*.h \
             $(top)/t/unit/*.h)

$(OBJS)/ngx_auto_config.h:
	@echo "$@ is not there: run packaging/build first" >&2; exit 1
