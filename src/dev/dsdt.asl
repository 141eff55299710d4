/* dsdt.asl - what the guest's ACPI finds on the board. Numbers match pc.h, pci.h and board.h. */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "PANDOK", "PANDOK", 1)
{
    /* SLP_TYP of soft off: PM_SLEEP_S5 in pc.h */
    Name (\_S5, Package () { 5, 0, 0, 0 })

    /* 0: the operating system uses the PIC; 1: the APICs */
    Name (\PICM, 0)
    Method (\_PIC, 1, NotSerialized) { \PICM = Arg0 }

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_SEG, 0)
            Name (_BBN, 0)
            Name (_UID, 0)

            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0, 0xFF, 0, 0x100)
                IO (Decode16, 0xCF8, 0xCF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0000, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0xC0000000, 0xDFFFFFFF, 0, 0x20000000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0xF0000000, 0xFEBFFFFF, 0, 0x0EC00000)
                /* Both addresses are filled in by acpi.c: they depend on the RAM. */
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0, 0x1122330000000000, 0x1122331FFFFFFFFF, 0, 0x2000000000)
            })

            /* Pin A of slot s is wire s % 4: GSI 16 + wire, or IRQ 10 and 11 at the PIC. */
            Name (PRTA, Package ()
            {
                Package () { 0x0000FFFF, 0, 0, 16 }, Package () { 0x0001FFFF, 0, 0, 17 },
                Package () { 0x0002FFFF, 0, 0, 18 }, Package () { 0x0003FFFF, 0, 0, 19 },
                Package () { 0x0004FFFF, 0, 0, 16 }, Package () { 0x0005FFFF, 0, 0, 17 },
                Package () { 0x0006FFFF, 0, 0, 18 }, Package () { 0x0007FFFF, 0, 0, 19 },
                Package () { 0x0008FFFF, 0, 0, 16 }, Package () { 0x0009FFFF, 0, 0, 17 },
                Package () { 0x000AFFFF, 0, 0, 18 }, Package () { 0x000BFFFF, 0, 0, 19 },
                Package () { 0x000CFFFF, 0, 0, 16 }, Package () { 0x000DFFFF, 0, 0, 17 },
                Package () { 0x000EFFFF, 0, 0, 18 }, Package () { 0x000FFFFF, 0, 0, 19 },
                Package () { 0x0010FFFF, 0, 0, 16 }, Package () { 0x0011FFFF, 0, 0, 17 },
                Package () { 0x0012FFFF, 0, 0, 18 }, Package () { 0x0013FFFF, 0, 0, 19 },
                Package () { 0x0014FFFF, 0, 0, 16 }, Package () { 0x0015FFFF, 0, 0, 17 },
                Package () { 0x0016FFFF, 0, 0, 18 }, Package () { 0x0017FFFF, 0, 0, 19 },
                Package () { 0x0018FFFF, 0, 0, 16 }, Package () { 0x0019FFFF, 0, 0, 17 },
                Package () { 0x001AFFFF, 0, 0, 18 }, Package () { 0x001BFFFF, 0, 0, 19 },
                Package () { 0x001CFFFF, 0, 0, 16 }, Package () { 0x001DFFFF, 0, 0, 17 },
                Package () { 0x001EFFFF, 0, 0, 18 }, Package () { 0x001FFFFF, 0, 0, 19 }
            })
            Name (PRTP, Package ()
            {
                Package () { 0x0000FFFF, 0, LNKB, 0 }, Package () { 0x0001FFFF, 0, LNKA, 0 },
                Package () { 0x0002FFFF, 0, LNKA, 0 }, Package () { 0x0003FFFF, 0, LNKB, 0 },
                Package () { 0x0004FFFF, 0, LNKB, 0 }, Package () { 0x0005FFFF, 0, LNKA, 0 },
                Package () { 0x0006FFFF, 0, LNKA, 0 }, Package () { 0x0007FFFF, 0, LNKB, 0 },
                Package () { 0x0008FFFF, 0, LNKB, 0 }, Package () { 0x0009FFFF, 0, LNKA, 0 },
                Package () { 0x000AFFFF, 0, LNKA, 0 }, Package () { 0x000BFFFF, 0, LNKB, 0 },
                Package () { 0x000CFFFF, 0, LNKB, 0 }, Package () { 0x000DFFFF, 0, LNKA, 0 },
                Package () { 0x000EFFFF, 0, LNKA, 0 }, Package () { 0x000FFFFF, 0, LNKB, 0 },
                Package () { 0x0010FFFF, 0, LNKB, 0 }, Package () { 0x0011FFFF, 0, LNKA, 0 },
                Package () { 0x0012FFFF, 0, LNKA, 0 }, Package () { 0x0013FFFF, 0, LNKB, 0 },
                Package () { 0x0014FFFF, 0, LNKB, 0 }, Package () { 0x0015FFFF, 0, LNKA, 0 },
                Package () { 0x0016FFFF, 0, LNKA, 0 }, Package () { 0x0017FFFF, 0, LNKB, 0 },
                Package () { 0x0018FFFF, 0, LNKB, 0 }, Package () { 0x0019FFFF, 0, LNKA, 0 },
                Package () { 0x001AFFFF, 0, LNKA, 0 }, Package () { 0x001BFFFF, 0, LNKB, 0 },
                Package () { 0x001CFFFF, 0, LNKB, 0 }, Package () { 0x001DFFFF, 0, LNKA, 0 },
                Package () { 0x001EFFFF, 0, LNKA, 0 }, Package () { 0x001FFFFF, 0, LNKB, 0 }
            })
            Method (_PRT, 0, NotSerialized)
            {
                If (\PICM) { Return (PRTA) }
                Return (PRTP)
            }
        }

        /* The PIC's side of the PCI wires cannot be moved: B and C are IRQ 10, D and A 11, as SeaBIOS says. */
        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 1)
            Name (IRQS, ResourceTemplate () { IRQ (Level, ActiveLow, Shared) { 10 } })
            Method (_STA, 0, NotSerialized) { Return (0x0B) }
            Method (_PRS, 0, NotSerialized) { Return (IRQS) }
            Method (_CRS, 0, NotSerialized) { Return (IRQS) }
            Method (_SRS, 1, NotSerialized) { }
            Method (_DIS, 0, NotSerialized) { }
        }
        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 2)
            Name (IRQS, ResourceTemplate () { IRQ (Level, ActiveLow, Shared) { 11 } })
            Method (_STA, 0, NotSerialized) { Return (0x0B) }
            Method (_PRS, 0, NotSerialized) { Return (IRQS) }
            Method (_CRS, 0, NotSerialized) { Return (IRQS) }
            Method (_SRS, 1, NotSerialized) { }
            Method (_DIS, 0, NotSerialized) { }
        }

        /* Addresses that belong to the board itself; Linux trusts ECAM only when it is here. */
        Device (MBRD)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                DWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0xE0000000, 0xEFFFFFFF, 0, 0x10000000)
                IO (Decode16, 0x0020, 0x0020, 1, 2)
                IO (Decode16, 0x00A0, 0x00A0, 1, 2)
                IO (Decode16, 0x0040, 0x0040, 1, 4)
                IO (Decode16, 0x0092, 0x0092, 1, 1)
                IO (Decode16, 0x04D0, 0x04D0, 1, 2)
                IO (Decode16, 0x0600, 0x0600, 1, 16)
            })
        }

        Device (RTC0)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 1, 2)
                IRQNoFlags () { 8 }
            })
        }

        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate () { IO (Decode16, 0x03F8, 0x03F8, 1, 8) IRQNoFlags () { 4 } })
        }
        Device (COM2)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 2)
            Name (_CRS, ResourceTemplate () { IO (Decode16, 0x02F8, 0x02F8, 1, 8) IRQNoFlags () { 3 } })
        }
        Device (COM3)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 3)
            Name (_CRS, ResourceTemplate () { IO (Decode16, 0x03E8, 0x03E8, 1, 8) IRQNoFlags () { 4 } })
        }
        Device (COM4)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 4)
            Name (_CRS, ResourceTemplate () { IO (Decode16, 0x02E8, 0x02E8, 1, 8) IRQNoFlags () { 3 } })
        }

        /* Screen and keyboard of a machine with a BIOS; acpi.c fills in whether there are any. */
        Name (\LGCY, 0xA5)
        Device (KBD)
        {
            Name (_HID, EisaId ("PNP0303"))
            Method (_STA, 0, NotSerialized) { Return (\LGCY) }
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0060, 0x0060, 1, 1)
                IO (Decode16, 0x0064, 0x0064, 1, 1)
                IRQNoFlags () { 1 }
            })
        }

        Device (PVPN)
        {
            Name (_HID, "QEMU0001")
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate () { IO (Decode16, 0x0505, 0x0505, 1, 1) })
        }
    }
}
